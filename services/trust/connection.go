package trust

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver"
)

// maxNames bounds the names of an address that are asked for their addresses.
const maxNames = 10

// reverse judges whether the peer has a name that leads back to it (iprev, RFC
// 8601 §3).
func (j *Judge) reverse(ctx context.Context, peer netip.Addr) (v Verdict) {
	began := time.Now()
	v = Verdict{Method: IPRev, Properties: []Property{{"policy", "iprev", peer.String()}}}
	defer func() { v.Took = time.Since(began) }()
	defer guard(&v)
	if !peer.IsValid() {
		v.Result, v.Reason, v.Properties = PermError, "What server it came from can't be read", nil
		return v
	}
	names, err := j.dns.PTR(ctx, peer)
	switch {
	case errors.Is(err, resolver.ErrNone):
		v.Result, v.Reason = PermError, "The address "+peer.String()+" has no name in DNS"
		return v
	case err != nil:
		v.Result, v.Reason, v.Cause = TempError, "The name of "+peer.String()+" could not be looked up just now", err
		return v
	}
	v.Result, v.Reason = Fail, "The name of "+peer.String()+" in DNS does not lead back to it"
	for _, name := range names.Records[:min(len(names.Records), maxNames)] {
		addresses, err := j.dns.Addresses(ctx, name)
		if err != nil && !errors.Is(err, resolver.ErrNone) {
			v.Result, v.Reason, v.Cause = TempError, "The name of "+peer.String()+" could not be looked up just now", err
		}
		if slices.Contains(addresses.Records, peer) {
			v.Result, v.Reason, v.Cause = Pass, "It came from "+name+" ("+peer.String()+")", nil
			v.Properties = append(v.Properties, Property{"policy", "ptr", name})
			return v
		}
	}
	return v
}

// reversed is an address as lists and reverse zones are asked for it.
func reversed(a netip.Addr) string {
	var parts []string
	if a.Is4() {
		parts = strings.Split(a.String(), ".")
	} else {
		parts = strings.Split(strings.ReplaceAll(a.StringExpanded(), ":", ""), "")
	}
	slices.Reverse(parts)
	return strings.Join(parts, ".")
}
