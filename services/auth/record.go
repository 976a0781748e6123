package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"fmt"

	"github.com/xdg-go/scram"
	"golang.org/x/crypto/argon2"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Record is what is kept of one password, sealed: a version byte, a nonce, and
// the ciphertext. It is opaque to everybody but this package; it is not secret
// while the box key is.
type Record []byte

// recordVersion is the major version: another one is refused. Fields that a
// later minor version adds at the end are ignored here.
const recordVersion = 1

// The cost of one password check. OWASP's first choice for argon2id, of which
// RFC 9106 §4 says that memory counts most: 26 ms on one core of a current
// server and some 100 ms on the smallest boards, with 19 MiB, of which a board
// with 2 GiB can spare several at once. More lanes would only take the cores
// from the other log-ins.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
)

// scramIterations is RFC 7677 §4's figure for a tenth of a second on a desktop.
// The client pays it, phones included, at every log-in; what protects a stolen
// directory is the seal.
const scramIterations = 15000

const saltSize = 16 // bytes; RFC 9106 §3.1 recommends 128 bits

// costs bounds what a record may ask for, so that a record that was damaged in
// some way the seal can't see doesn't stop the box.
const (
	maxArgonMemory = 1 << 20 // KiB: 1 GiB
	maxArgonTime   = 64
	maxIterations  = 10_000_000
)

// secrets is an opened record.
type secrets struct {
	argon  argonHash
	sha256 scram.StoredCredentials
	sha1   scram.StoredCredentials
}

type argonHash struct {
	cost
	salt [saltSize]byte
	hash [32]byte
}

// cost is what one check takes. It stands in each record, so that it can be
// raised without making anybody's password worthless.
type cost struct {
	memory, time uint32 // KiB, passes
	lanes        uint8
}

func usualCost() cost { return cost{memory: argonMemory, time: argonTime, lanes: argonLanes} }

// NewRecord makes the record of a password for the account with this main
// address, in whatever spelling. It takes a tenth of a second of one core.
//
// It refuses only what can't be a password at all (ErrWeakPassword: empty, too
// long, control characters); whether it is good enough is CheckPassword's.
func NewRecord(key *Key, account mail.Address, password string) (Record, error) {
	return newRecord(key, account, password, usualCost())
}

func newRecord(key *Key, account mail.Address, password string, c cost) (Record, error) {
	prepared, err := prepare(password)
	if err != nil {
		return nil, err
	}
	s := secrets{argon: argonHash{cost: c}}
	rand.Read(s.argon.salt[:])
	s.argon.hash = s.argon.of(prepared)
	if s.sha256, err = scramVerifier(scram.SHA256, prepared); err != nil {
		return nil, err
	}
	if s.sha1, err = scramVerifier(scram.SHA1, prepared); err != nil {
		return nil, err
	}
	return key.close(account, &s), nil
}

func scramVerifier(hash scram.HashGeneratorFcn, prepared string) (scram.StoredCredentials, error) {
	// The user name has no part in the verifier (RFC 5802 §3).
	client, err := hash.NewClientUnprepped("", prepared, "")
	if err != nil {
		return scram.StoredCredentials{}, fmt.Errorf("auth: make verifier: %w", err)
	}
	var salt [saltSize]byte
	rand.Read(salt[:])
	stored, err := client.GetStoredCredentialsWithError(scram.KeyFactors{Salt: string(salt[:]), Iters: scramIterations})
	if err != nil {
		return scram.StoredCredentials{}, fmt.Errorf("auth: make verifier: %w", err)
	}
	return stored, nil
}

func (a *argonHash) of(prepared string) [32]byte {
	return [32]byte(argon2.IDKey([]byte(prepared), a.salt[:], a.time, a.memory, a.lanes, 32))
}

// matches is the one place where a password is compared, in constant time.
func (a *argonHash) matches(prepared string) bool {
	got := a.of(prepared)
	return subtle.ConstantTimeCompare(got[:], a.hash[:]) == 1
}

// close seals s for the account.
func (k *Key) close(account mail.Address, s *secrets) Record {
	record := make(Record, 1, 1+k.seal.NonceSize()+256)
	record[0] = recordVersion
	nonce := make([]byte, k.seal.NonceSize())
	rand.Read(nonce)
	record = append(record, nonce...)
	return k.seal.Seal(record, nonce, s.encode(), binding(account))
}

// open unseals the record of the account. The error is ErrRecord.
func (k *Key) open(account mail.Address, record Record) (*secrets, error) {
	if len(record) < 1+k.seal.NonceSize() || record[0] != recordVersion {
		return nil, ErrRecord
	}
	nonce, sealed := record[1:1+k.seal.NonceSize()], record[1+k.seal.NonceSize():]
	plain, err := k.seal.Open(nil, nonce, sealed, binding(account))
	if err != nil {
		return nil, ErrRecord
	}
	return decodeSecrets(plain)
}

// CheckRecord says whether the record can be opened for the account under the
// key; the error is ErrRecord. It is how a damaged directory or a wrong key is
// found before somebody fails to log in.
func CheckRecord(key *Key, account mail.Address, record Record) error {
	_, err := key.open(account, record)
	return err
}

// binding is the data a seal is bound to: the purpose and the account.
func binding(account mail.Address) []byte {
	if canonical, err := domain.Address(account); err == nil {
		account = canonical
	}
	return append([]byte{'s', 'a', 'n', 'd', 'u', 'k', ' ', 'c', 'r', 'e', 'd', recordVersion, 0}, account.Canonical()...)
}

// encode writes: argon2id memory, time (u32 each), lanes (u8), salt, hash; then
// for SHA-256 and SHA-1: iterations (u32), salt, stored key, server key.
func (s *secrets) encode() []byte {
	b := binary.BigEndian.AppendUint32(nil, s.argon.memory)
	b = binary.BigEndian.AppendUint32(b, s.argon.time)
	b = append(b, s.argon.lanes)
	b = append(b, s.argon.salt[:]...)
	b = append(b, s.argon.hash[:]...)
	for _, v := range []scram.StoredCredentials{s.sha256, s.sha1} {
		b = binary.BigEndian.AppendUint32(b, uint32(v.Iters))
		b = append(b, v.Salt...)
		b = append(b, v.StoredKey...)
		b = append(b, v.ServerKey...)
	}
	return b
}

// encodedSize is the length of what encode writes.
const encodedSize = 4 + 4 + 1 + saltSize + 32 +
	4 + saltSize + 2*sha256.Size +
	4 + saltSize + 2*sha1.Size

func decodeSecrets(b []byte) (*secrets, error) {
	if len(b) < encodedSize {
		return nil, ErrRecord
	}
	take := func(n int) []byte {
		field := b[:n]
		b = b[n:]
		return field
	}
	var s secrets
	s.argon.memory = binary.BigEndian.Uint32(take(4))
	s.argon.time = binary.BigEndian.Uint32(take(4))
	s.argon.lanes = take(1)[0]
	copy(s.argon.salt[:], take(saltSize))
	copy(s.argon.hash[:], take(32))
	for _, v := range []struct {
		into *scram.StoredCredentials
		size int
	}{{&s.sha256, sha256.Size}, {&s.sha1, sha1.Size}} {
		v.into.Iters = int(binary.BigEndian.Uint32(take(4)))
		v.into.Salt = string(take(saltSize))
		v.into.StoredKey = append([]byte(nil), take(v.size)...)
		v.into.ServerKey = append([]byte(nil), take(v.size)...)
	}
	a := &s.argon
	if a.memory == 0 || a.memory > maxArgonMemory || a.time == 0 || a.time > maxArgonTime || a.lanes == 0 ||
		s.sha256.Iters == 0 || s.sha256.Iters > maxIterations || s.sha1.Iters == 0 || s.sha1.Iters > maxIterations {
		return nil, ErrRecord
	}
	return &s, nil
}

// fakeSecrets are what an unknown account has: the costs of a real one, a salt
// that is the same each time somebody asks (RFC 5802 §9 leaves it open; a salt
// that changes would tell), and keys that nothing matches.
func (k *Key) fakeSecrets(login string, c cost) *secrets {
	derive := func(purpose string) []byte {
		mac := hmac.New(sha256.New, k.fake[:])
		mac.Write([]byte(purpose))
		mac.Write([]byte(login))
		return mac.Sum(nil)
	}
	s := &secrets{argon: argonHash{cost: c}}
	copy(s.argon.salt[:], derive("argon2id salt "))
	rand.Read(s.argon.hash[:])
	s.sha256 = fakeVerifier(derive("SCRAM-SHA-256 salt "), sha256.Size)
	s.sha1 = fakeVerifier(derive("SCRAM-SHA-1 salt "), sha1.Size)
	return s
}

func fakeVerifier(salt []byte, size int) scram.StoredCredentials {
	keys := make([]byte, 2*size)
	rand.Read(keys)
	return scram.StoredCredentials{
		KeyFactors: scram.KeyFactors{Salt: string(salt[:saltSize]), Iters: scramIterations},
		StoredKey:  keys[:size], ServerKey: keys[size:],
	}
}
