package operator

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// maxCertificateFile is far above a certificate with its whole chain.
const maxCertificateFile = 1 << 20

// loginCertificate is one by which somebody's programs log in.
type loginCertificate struct {
	Who    string    `json:"who"`
	SHA256 string    `json:"sha256"`
	Name   string    `json:"name,omitempty"`
	Added  time.Time `json:"added,omitzero"`
}

// certificateList lists all.
func certificateList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Certificates []loginCertificate `json:"certificates"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/certificates", nil, &answer); err != nil {
			return err
		}
		for _, c := range answer.Certificates {
			t.say("%s", strings.TrimRight(c.SHA256+" "+c.Who+" "+c.Name, " "))
		}
		if len(answer.Certificates) == 0 {
			t.say("Nobody logs in by a certificate")
		}
		return nil
	})
}

// certificateAdd lets one log in.
func certificateAdd(ctx context.Context, t *task) error {
	print, err := fingerprint(t.args[1])
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		c := loginCertificate{Who: t.args[0], SHA256: print, Name: t.flags.name}
		if err := b.do(ctx, http.MethodPut, "/api/certificates", c, nil); err != nil {
			return err
		}
		t.say("Programs that have the key of certificate %s can log in as %s, by EXTERNAL", print, c.Who)
		return nil
	})
}

// certificateRemove ends that.
func certificateRemove(ctx context.Context, t *task) error {
	print, err := fingerprint(t.args[0])
	if err != nil {
		return err
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodDelete, "/api/certificates/"+print, nil, nil); err != nil {
			return err
		}
		t.say("Nobody can log in by certificate %s", print)
		return nil
	})
}

// fingerprint is one in hexadecimal, as it was given or that of a file's first
// certificate, in PEM or DER.
func fingerprint(arg string) (string, error) {
	digits := strings.ToLower(strings.ReplaceAll(arg, ":", ""))
	if sum, err := hex.DecodeString(digits); err == nil && len(sum) == sha256.Size {
		return digits, nil
	}
	text, err := readSmall(arg)
	if err != nil {
		return "", err
	}
	der := text
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type == "CERTIFICATE" {
			der = block.Bytes
			break
		}
	}
	if _, err := x509.ParseCertificate(der); err != nil {
		return "", fmt.Errorf("%s holds no certificate: %w", arg, err)
	}
	sum := sha256.Sum256(der)
	return hex.EncodeToString(sum[:]), nil
}
