package disk

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// GUID is an identifier as it stands in a GPT: the first three groups are
// little-endian.
type GUID [16]byte

// guidOrder maps text order to disk order.
const guidOrder = "\x03\x02\x01\x00\x05\x04\x07\x06\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f"

// ParseGUID reads the usual form with hyphens, in either case.
func ParseGUID(s string) (GUID, error) {
	var g GUID
	raw, err := hex.DecodeString(strings.ReplaceAll(s, "-", ""))
	if err != nil || len(raw) != len(g) {
		return GUID{}, fmt.Errorf("%q is not a GUID", s)
	}
	for i, b := range raw {
		g[guidOrder[i]] = b
	}
	if !strings.EqualFold(g.String(), s) { // hyphens elsewhere
		return GUID{}, fmt.Errorf("%q is not a GUID", s)
	}
	return g, nil
}

func (g GUID) String() string {
	var raw [16]byte
	for i := range raw {
		raw[i] = g[guidOrder[i]]
	}
	h := hex.EncodeToString(raw[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// newGUID returns a random one (RFC 9562 version 4). At the first start it may
// wait a second for the kernel to have collected noise.
func newGUID() GUID {
	var g GUID
	_, _ = rand.Read(g[:]) // never fails (crypto/rand)
	g[7] = g[7]&0x0f | 0x40
	g[8] = g[8]&0x3f | 0x80
	return g
}

// factoryVersion marks identifiers that came with the image (RFC 9562 §5.8:
// made by a rule of one's own). Every box flashed from one image has the same.
const factoryVersion = 8

// factory says whether g came with the image and is nobody's own yet.
func (g GUID) factory() bool { return g[7]>>4 == factoryVersion && g[8]>>6 == 2 }

// typeESP and typeLinux are the partition types in use.
func typeESP() GUID   { return mustGUID("c12a7328-f81f-11d2-ba4b-00a0c93ec93b") }
func typeLinux() GUID { return mustGUID("0fc63daf-8483-4772-8e79-3d69d8477de4") }

func mustGUID(s string) GUID {
	g, err := ParseGUID(s)
	if err != nil {
		panic(err)
	}
	return g
}
