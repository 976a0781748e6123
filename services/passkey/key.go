package passkey

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"math/big"
)

// Algorithms are those that are taken, by their COSE numbers, best first.
func Algorithms() []int { return []int{algES256, algEdDSA, algRS256} }

const (
	algES256 = -7
	algEdDSA = -8
	algRS256 = -257
)

// The labels and values of COSE keys (RFC 9053 §7, RFC 8230 §4).
const (
	labelType      = 1
	labelAlgorithm = 3
	labelCurve     = -1 // also RSA's modulus
	labelX         = -2 // also RSA's exponent
	labelY         = -3

	typeOKP = 1
	typeEC2 = 2
	typeRSA = 3

	curveP256    = 1
	curveEd25519 = 6
)

// RSA keys are of these sizes, in bits: less is weak, more is slow to check for anybody who asks.
const (
	minRSA = 2048
	maxRSA = 4096
)

// publicKey is one of *ecdsa.PublicKey, ed25519.PublicKey, *rsa.PublicKey.
type publicKey struct{ crypto.PublicKey }

// readKey reads a COSE key. Labels are taken in any order, each once.
func readKey(text []byte) (publicKey, error) {
	r := &reader{data: text}
	n, err := r.head(majorMap)
	if err != nil {
		return publicKey{}, err
	}
	numbers, strings := map[int64]int64{}, map[int64][]byte{}
	for range n {
		label, err := r.int()
		if err != nil {
			return publicKey{}, err
		}
		_, number := numbers[label]
		_, text := strings[label]
		if number || text || r.at >= len(r.data) {
			return publicKey{}, ErrMalformed
		}
		switch r.data[r.at] >> 5 {
		case majorUint, majorNegative:
			numbers[label], err = r.int()
		case majorBytes:
			strings[label], err = r.bytes()
		default:
			err = r.skip(0)
		}
		if err != nil {
			return publicKey{}, err
		}
	}
	if r.at != len(text) {
		return publicKey{}, ErrMalformed
	}
	switch kind, alg := numbers[labelType], numbers[labelAlgorithm]; {
	case kind == typeEC2 && alg == algES256 && numbers[labelCurve] == curveP256:
		return ecKey(strings[labelX], strings[labelY])
	case kind == typeOKP && alg == algEdDSA && numbers[labelCurve] == curveEd25519 && len(strings[labelX]) == ed25519.PublicKeySize:
		return publicKey{ed25519.PublicKey(strings[labelX])}, nil
	case kind == typeRSA && alg == algRS256:
		return rsaKey(strings[labelCurve], strings[labelX])
	}
	return publicKey{}, ErrMalformed
}

func ecKey(x, y []byte) (publicKey, error) {
	const size = 32
	if len(x) != size || len(y) != size {
		return publicKey{}, ErrMalformed
	}
	key, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), append(append([]byte{4}, x...), y...)) // refuses what is not on the curve
	if err != nil {
		return publicKey{}, ErrMalformed
	}
	return publicKey{key}, nil
}

func rsaKey(modulus, exponent []byte) (publicKey, error) {
	n, e := new(big.Int).SetBytes(modulus), new(big.Int).SetBytes(exponent)
	if n.BitLen() < minRSA || n.BitLen() > maxRSA || e.BitLen() > 31 || e.Int64() < 3 || e.Bit(0) == 0 {
		return publicKey{}, ErrMalformed
	}
	return publicKey{&rsa.PublicKey{N: n, E: int(e.Int64())}}, nil
}

// verifies says whether a signature over a message is of this key.
func (k publicKey) verifies(message, signature []byte) bool {
	sum := sha256.Sum256(message)
	switch key := k.PublicKey.(type) {
	case *ecdsa.PublicKey:
		return ecdsa.VerifyASN1(key, sum[:], signature)
	case ed25519.PublicKey:
		return ed25519.Verify(key, message, signature)
	case *rsa.PublicKey:
		return rsa.VerifyPKCS1v15(key, crypto.SHA256, sum[:], signature) == nil
	}
	return false
}
