package trust

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// List is a block list in DNS (RFC 5782).
type List struct {
	Zone   string // such as "zen.spamhaus.org"
	Refuse bool   // refuse whoever is listed; else their mail is junk
}

// Bounds of what is asked about an address.
const (
	maxLists       = 8
	maxNames       = 10 // names of an address that are asked for its addresses
	connectionTime = 10 * time.Second
)

// Connection judges an address when it connects: its name, and the block lists.
// The error is a *mail.Refusal if a list that refuses has it. Addresses of no
// public network are on no list.
func (j *Judge) Connection(ctx context.Context, peer netip.Addr) ([]Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, connectionTime)
	defer cancel()
	peer = peer.Unmap().WithZone("")
	lists := j.options.Lists[:min(len(j.options.Lists), maxLists)]
	if !peer.IsGlobalUnicast() || peer.IsPrivate() {
		lists = nil
	}
	verdicts := make([]Verdict, 1+len(lists))
	work := []func(){func() { verdicts[0] = j.reverse(ctx, peer) }}
	for i, l := range lists {
		work = append(work, func() { verdicts[1+i] = j.listed(ctx, l, peer) })
	}
	inParallel(work...)
	for i, l := range lists {
		if v := verdicts[1+i]; l.Refuse && v.Result == Fail {
			return verdicts, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: v.Reason}
		}
	}
	return verdicts, nil
}

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

// listed asks one block list (RFC 5782 §2.1).
func (j *Judge) listed(ctx context.Context, l List, peer netip.Addr) (v Verdict) {
	began := time.Now()
	v = Verdict{Method: DNSBL, Properties: []Property{{"dns", "zone", l.Zone}}}
	defer func() { v.Took = time.Since(began) }()
	defer guard(&v)
	name := reversed(peer) + "." + l.Zone
	answer, err := j.dns.A(ctx, name)
	switch {
	case errors.Is(err, resolver.ErrNone):
		v.Result, v.Reason = Pass, peer.String()+" is not on the list "+l.Zone
		return v
	case err != nil:
		v.Result, v.Reason, v.Cause = TempError, "The list "+l.Zone+" could not be asked just now", err
		return v
	}
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	refusing := netip.MustParsePrefix("127.255.255.0/24") // how public lists say that they were asked too often
	codes := slices.DeleteFunc(slices.Clone(answer.Records), func(a netip.Addr) bool { return !loopback.Contains(a) || refusing.Contains(a) })
	if len(codes) == 0 {
		v.Result, v.Reason = TempError, "The list "+l.Zone+" does not answer this box's questions"
		return v
	}
	v.Result, v.Reason = Fail, peer.String()+" is on the block list "+l.Zone
	if text, err := j.dns.TXT(ctx, name); err == nil {
		v.Reason += ": " + clean(text.Records[0])
	}
	return v
}

// maxText is how much of a list's text is passed on.
const maxText = 200

// clean is text from DNS as it may stand in a reply line.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return -1
		}
		return r
	}, s[:min(len(s), maxText)])
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

// CheckList says whether a list is one that works, before the office turns it on:
// it must list 127.0.0.2 and must not list 127.0.0.1 (RFC 5782 §5). The reason is
// for people; "" if all is well.
func (j *Judge) CheckList(ctx context.Context, zone string) (reason string) {
	must := j.listed(ctx, List{Zone: zone}, netip.MustParseAddr("127.0.0.2"))
	mustNot := j.listed(ctx, List{Zone: zone}, netip.MustParseAddr("127.0.0.1"))
	switch {
	case must.Result == TempError:
		return must.Reason
	case must.Result != Fail:
		return "The list " + zone + " does not list the address that every list lists for tests. It has probably ended"
	case mustNot.Result == Fail:
		return "The list " + zone + " lists everybody. Nothing could reach the office"
	}
	return ""
}
