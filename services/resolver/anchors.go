package resolver

import (
	"errors"
	"strings"

	"github.com/miekg/dns"
)

var errAnchors = errors.New("there is no DS record of the root")

// ParseAnchors reads the root's keys that are believed, DS records as a zone file has them (RFC 1035 §5), for
// Options.Anchors. It never returns an empty list without an error: that would switch the proofs off.
func ParseAnchors(text string) ([]*dns.DS, error) {
	parser := dns.NewZoneParser(strings.NewReader(text), ".", "")
	parser.SetDefaultTTL(0)
	var list []*dns.DS
	for rr, ok := parser.Next(); ok; rr, ok = parser.Next() {
		if ds, ok := rr.(*dns.DS); ok && ds.Hdr.Name == "." {
			list = append(list, ds)
		}
	}
	if err := parser.Err(); err != nil {
		return nil, err
	}
	if len(list) == 0 {
		return nil, errAnchors
	}
	return list, nil
}
