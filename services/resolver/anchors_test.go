package resolver

import (
	"fmt"
	"testing"
)

func TestParseAnchors(t *testing.T) {
	t.Parallel()
	published := rootAnchors()
	text := "; the root\n"
	for _, ds := range published {
		text += fmt.Sprintf(". IN DS %d %d %d %s\n", ds.KeyTag, ds.Algorithm, ds.DigestType, ds.Digest)
	}
	list, err := ParseAnchors(text)
	if err != nil || len(list) != len(published) {
		t.Fatalf("ParseAnchors of IANA's = %v, %v; want %d", list, err, len(published))
	}
	for i, ds := range list {
		if ds.Digest != published[i].Digest || ds.KeyTag != published[i].KeyTag {
			t.Errorf("anchor %d is %v; want %v", i, ds, published[i])
		}
	}
	for _, text := range []string{"", "; nothing\n", ". IN DS x", "example. 300 IN DS 1 13 2 00\n", ". 300 IN A 192.0.2.1\n"} {
		if list, err := ParseAnchors(text); err == nil {
			t.Errorf("ParseAnchors(%q) = %v; want an error", text, list)
		}
	}
}
