package secureboot

import (
	"context"
	"crypto/sha256"
	"fmt"
)

// Files of Enrol, as systemd-boot looks for them below loader/keys/NAME.
const (
	PK  = "PK.auth"  // whom the machine belongs to
	KEK = "KEK.auth" // who may change db
	DB  = "db.auth"  // whose programs are started
	// Certificate is the certificate alone, in DER: for set-up screens that add one to db and leave the rest.
	Certificate = "certificate.cer"
)

// attributes are what the loader writes the variables with (§32.3); they are part of what is signed, and sbvarsign's own
// would add to a list where these replace it.
const attributes = "NON_VOLATILE,BOOTSERVICE_ACCESS,RUNTIME_ACCESS,TIME_BASED_AUTHENTICATED_WRITE_ACCESS"

// Enrol returns the files, by name, with which a machine in its firmware's setup mode becomes one that starts what this
// key has signed and nothing else.
func (k Key) Enrol(ctx context.Context) (map[string][]byte, error) {
	der, err := k.Check()
	if err != nil {
		return nil, err
	}
	// The owner of a signature is named by a GUID of anybody's making (§32.4.1): the certificate's, here.
	sum := sha256.Sum256(der)
	owner := fmt.Sprintf("%x-%x-%x-%x-%x", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
	list, err := convert(ctx, der, func(in, out string) []string {
		return []string{"sbsiglist", "--owner", owner, "--type", "x509", "--output", out, in}
	})
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{Certificate: der}
	for variable, file := range map[string]string{"PK": PK, "KEK": KEK, "db": DB} {
		files[file], err = convert(ctx, list, func(in, out string) []string {
			return []string{"sbvarsign", "--attr", attributes, "--key", k.Secret, "--cert", k.Certificate, "--output", out, variable, in}
		})
		if err != nil {
			return nil, err
		}
	}
	return files, nil
}
