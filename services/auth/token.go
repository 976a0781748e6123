package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"strings"
)

// tokenPrefix makes a token recognisable when it turns up where it shouldn't.
const tokenPrefix = "sanduk_"

// NewToken makes a token of the office's API: the text to show once, and the
// hash to keep. The text holds 160 random bits, so a plain hash of it gives
// nothing away.
func NewToken() (text string, hash [32]byte) {
	var secret [20]byte
	rand.Read(secret[:])
	text = tokenPrefix + strings.ToLower(base32.StdEncoding.EncodeToString(secret[:]))
	return text, sha256.Sum256([]byte(text))
}
