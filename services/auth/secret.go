package auth

import "crypto/rand"

// Seal closes a secret that the box must be able to say again, such as its
// password at the provider, under the box key. purpose says what it is for: it
// opens only for the same one.
func (k *Key) Seal(purpose, secret string) []byte {
	nonce := make([]byte, k.seal.NonceSize(), k.seal.NonceSize()+len(secret)+k.seal.Overhead()+1)
	rand.Read(nonce)
	sealed := append([]byte{recordVersion}, nonce...)
	return k.seal.Seal(sealed, nonce, []byte(secret), secretBinding(purpose))
}

// Open gives back what Seal closed. The error is ErrRecord.
func (k *Key) Open(purpose string, sealed []byte) (string, error) {
	if len(sealed) < 1+k.seal.NonceSize() || sealed[0] != recordVersion {
		return "", ErrRecord
	}
	secret, err := k.seal.Open(nil, sealed[1:1+k.seal.NonceSize()], sealed[1+k.seal.NonceSize():], secretBinding(purpose))
	if err != nil {
		return "", ErrRecord
	}
	return string(secret), nil
}

// secretBinding differs from every record's binding by its first letters.
func secretBinding(purpose string) []byte { return append([]byte("sanduk secret\x00"), purpose...) }
