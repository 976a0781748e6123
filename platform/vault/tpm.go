package vault

import (
	"errors"
	"fmt"

	"github.com/google/go-tpm/tpm2"
	"github.com/google/go-tpm/tpm2/transport"
)

// TPMSealed is a key that a TPM opens: an object of the TPM's, which only this TPM can load.
type TPMSealed struct {
	Public  []byte `json:"public"`  // TPM2B_PUBLIC
	Private []byte `json:"private"` // TPM2B_PRIVATE, encrypted by the TPM
}

// securityPCR is the register with what Secure Boot was set to (TCG PC Client Platform Firmware Profile, §3.3.4).
const securityPCR = 7

// ErrTPM is for a TPM that doesn't give the key back: another one, one that was cleared, or firmware with other
// settings.
var ErrTPM = errors.New("this machine's TPM does not open the key: it is another, was cleared, or the firmware's settings for Secure Boot are others")

// ErrUnmeasured is for a TPM without the registers of the policy: one about none of them holds however the machine was
// started.
var ErrUnmeasured = errors.New("this machine's TPM keeps no SHA-256 registers; they are turned on in the firmware's settings")

// SealTPM seals a key by a TPM, for a machine that is started as it is now. Its error is ErrUnmeasured where the TPM does
// not know how that is.
func SealTPM(t transport.TPM, k Key) (*TPMSealed, error) {
	root, err := openRoot(t)
	if err != nil {
		return nil, err
	}
	defer root.close()
	policy, err := digest(t)
	if err != nil {
		return nil, err
	}
	made, err := tpm2.Create{
		ParentHandle: root.handle(),
		InSensitive: tpm2.TPM2BSensitiveCreate{Sensitive: &tpm2.TPMSSensitiveCreate{
			Data: tpm2.NewTPMUSensitiveCreate(&tpm2.TPM2BSensitiveData{Buffer: k[:]}),
		}},
		InPublic: tpm2.New2B(tpm2.TPMTPublic{
			Type: tpm2.TPMAlgKeyedHash, NameAlg: tpm2.TPMAlgSHA256,
			// Without userWithAuth nothing but the policy opens it; noDA: no number of tries locks the TPM.
			ObjectAttributes: tpm2.TPMAObject{FixedTPM: true, FixedParent: true, NoDA: true},
			AuthPolicy:       policy,
		}),
	}.Execute(t, root.guarded())
	if err != nil {
		return nil, fmt.Errorf("vault: TPM: seal the key: %w", err)
	}
	return &TPMSealed{Public: tpm2.Marshal(made.OutPublic), Private: tpm2.Marshal(made.OutPrivate)}, nil
}

// Open gives the key back. What crosses the wires between processor and TPM is encrypted.
func (s *TPMSealed) Open(t transport.TPM) (k Key, err error) {
	public, err := tpm2.Unmarshal[tpm2.TPM2BPublic](s.Public)
	if err != nil {
		return k, fmt.Errorf("vault: %w: %w", ErrDamaged, err)
	}
	private, err := tpm2.Unmarshal[tpm2.TPM2BPrivate](s.Private)
	if err != nil {
		return k, fmt.Errorf("vault: %w: %w", ErrDamaged, err)
	}
	root, err := openRoot(t)
	if err != nil {
		return k, err
	}
	defer root.close()
	loaded, err := tpm2.Load{ParentHandle: root.handle(), InPublic: *public, InPrivate: *private}.Execute(t)
	if err != nil {
		return k, fmt.Errorf("%w: %w", ErrTPM, err)
	}
	defer func() { _, _ = tpm2.FlushContext{FlushHandle: loaded.ObjectHandle}.Execute(t) }() // gone with the next start at the latest
	policy, end, err := tpm2.PolicySession(t, tpm2.TPMAlgSHA256, nonceSize, root.salt(), tpm2.AESEncryption(128, tpm2.EncryptOut))
	if err != nil {
		return k, fmt.Errorf("vault: TPM: %w", err)
	}
	defer func() { _ = end() }() // likewise
	if _, err := (tpm2.PolicyPCR{PolicySession: policy.Handle(), Pcrs: registers()}).Execute(t); err != nil {
		return k, fmt.Errorf("vault: TPM: %w", err)
	}
	out, err := tpm2.Unseal{ItemHandle: tpm2.AuthHandle{Handle: loaded.ObjectHandle, Name: loaded.Name, Auth: policy}}.Execute(t)
	if err != nil {
		return k, fmt.Errorf("%w: %w", ErrTPM, err)
	}
	if len(out.OutData.Buffer) != len(k) {
		return k, fmt.Errorf("vault: %w: the TPM's key has another length", ErrDamaged)
	}
	copy(k[:], out.OutData.Buffer)
	return k, nil
}

const nonceSize = 16 // bytes, of sessions

func registers() tpm2.TPMLPCRSelection {
	return tpm2.TPMLPCRSelection{PCRSelections: []tpm2.TPMSPCRSelection{{
		Hash: tpm2.TPMAlgSHA256, PCRSelect: tpm2.PCClientCompatible.PCRs(securityPCR),
	}}}
}

// digest is the policy for the machine as it is, by a trial of it.
func digest(t transport.TPM) (tpm2.TPM2BDigest, error) {
	// A TPM leaves registers that it hasn't got out of a policy, and says nothing.
	read, err := tpm2.PCRRead{PCRSelectionIn: registers()}.Execute(t)
	if err != nil {
		return tpm2.TPM2BDigest{}, fmt.Errorf("vault: TPM: read the registers: %w", err)
	}
	if len(read.PCRValues.Digests) != 1 {
		return tpm2.TPM2BDigest{}, ErrUnmeasured
	}
	trial, end, err := tpm2.PolicySession(t, tpm2.TPMAlgSHA256, nonceSize, tpm2.Trial())
	if err != nil {
		return tpm2.TPM2BDigest{}, fmt.Errorf("vault: TPM: %w", err)
	}
	defer func() { _ = end() }()
	if _, err := (tpm2.PolicyPCR{PolicySession: trial.Handle(), Pcrs: registers()}).Execute(t); err != nil {
		return tpm2.TPM2BDigest{}, fmt.Errorf("vault: TPM: read the registers: %w", err)
	}
	d, err := tpm2.PolicyGetDigest{PolicySession: trial.Handle()}.Execute(t)
	if err != nil {
		return tpm2.TPM2BDigest{}, fmt.Errorf("vault: TPM: %w", err)
	}
	return d.PolicyDigest, nil
}

// root is the TPM's storage key, made anew each time from what only this TPM has.
type root struct {
	t       transport.TPM
	primary *tpm2.CreatePrimaryResponse
	public  *tpm2.TPMTPublic
}

func openRoot(t transport.TPM) (*root, error) {
	primary, err := tpm2.CreatePrimary{PrimaryHandle: tpm2.TPMRHOwner, InPublic: tpm2.New2B(tpm2.ECCSRKTemplate)}.Execute(t)
	if err != nil {
		return nil, fmt.Errorf("vault: TPM: storage key: %w", err)
	}
	r := &root{t: t, primary: primary}
	if r.public, err = primary.OutPublic.Contents(); err != nil {
		r.close()
		return nil, fmt.Errorf("vault: TPM: storage key: %w", err)
	}
	return r, nil
}

// handle names the key to the TPM, with a session in which nobody changes what is said.
func (r *root) handle() tpm2.AuthHandle {
	return tpm2.AuthHandle{Handle: r.primary.ObjectHandle, Name: r.primary.Name, Auth: tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, r.salt())}
}

// salt has sessions begin with a secret that only this TPM can read.
func (r *root) salt() tpm2.AuthOption { return tpm2.Salted(r.primary.ObjectHandle, *r.public) }

// guarded is a session that encrypts the first parameter on its way in.
func (r *root) guarded() tpm2.Session {
	return tpm2.HMAC(tpm2.TPMAlgSHA256, nonceSize, r.salt(), tpm2.AESEncryption(128, tpm2.EncryptIn))
}

func (r *root) close() {
	_, _ = tpm2.FlushContext{FlushHandle: r.primary.ObjectHandle}.Execute(r.t) // gone with the next start at the latest
}
