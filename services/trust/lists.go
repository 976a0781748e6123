package trust

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Bounds of what lists are asked.
const (
	// MaxLists are asked about an address, side by side.
	MaxLists = 8
	// listTime is for all of them: a client is waiting for its greeting. Answers are
	// kept by the resolver, for as long as they say.
	listTime = 5 * time.Second
	// restAfter is how many questions in a row a list leaves unanswered until it is left
	// alone for restFor: nobody waits for a list that has ended.
	restAfter = 3
	restFor   = 5 * time.Minute
)

// Connection says which block lists have an address that connects. The error is a
// *mail.Refusal if a list that refuses has it. A list that can't be asked refuses
// nobody; addresses of no public network, and those that the office allows, are not
// asked about.
func (j *Judge) Connection(ctx context.Context, peer netip.Addr) ([]Verdict, error) {
	verdicts, lists := j.onLists(ctx, peer)
	for i, v := range verdicts {
		if lists[i].Refuse && v.Result == Fail {
			return verdicts, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: v.Reason}
		}
	}
	return verdicts, nil
}

// onLists gives a verdict for each list that is asked.
func (j *Judge) onLists(ctx context.Context, peer netip.Addr) ([]Verdict, []mail.BlockList) {
	if j.options.Lists == nil {
		return nil, nil
	}
	set := j.options.Lists()
	peer = peer.Unmap().WithZone("")
	if len(set.Lists) == 0 || !peer.IsGlobalUnicast() || peer.IsPrivate() || slices.ContainsFunc(set.Allow, func(p netip.Prefix) bool { return p.Contains(peer) }) {
		return nil, nil
	}
	ctx, cancel := context.WithTimeout(ctx, listTime)
	defer cancel()
	lists := set.Lists[:min(len(set.Lists), MaxLists)]
	verdicts := make([]Verdict, len(lists))
	var work []func()
	for i, l := range lists {
		work = append(work, func() { verdicts[i] = j.ask(ctx, l, peer) })
	}
	inParallel(work...)
	return verdicts, lists
}

// ask asks a list, unless it is being left alone.
func (j *Judge) ask(ctx context.Context, l mail.BlockList, peer netip.Addr) Verdict {
	if reason, resting := j.lists.rests(l.Zone, time.Now()); resting {
		return Verdict{Method: DNSBL, Result: TempError, Reason: reason, Properties: []Property{{"dns", "zone", l.Zone}}}
	}
	v := j.listed(ctx, l, peer)
	j.lists.note(l.Zone, v, time.Now())
	return v
}

// listHealth is how the lists have answered lately.
type listHealth struct {
	mu  sync.Mutex
	all map[string]*unanswered // by zone; guarded by mu; of lists that are in trouble
}

// unanswered are a list's failures since it last answered.
type unanswered struct {
	count  int
	reason string
	until  time.Time // when it is asked again
}

// rests says whether a list is left alone. When its time is over one question goes out,
// and the others wait for what comes of it until the next.
func (h *listHealth) rests(zone string, now time.Time) (reason string, resting bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	u := h.all[zone]
	if u == nil || u.count < restAfter {
		return "", false
	}
	if now.Before(u.until) {
		return u.reason, true
	}
	u.until = now.Add(restFor)
	return "", false
}

func (h *listHealth) note(zone string, v Verdict, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if v.Result != TempError {
		delete(h.all, zone)
		return
	}
	u := h.all[zone]
	if u == nil {
		if h.all == nil || len(h.all) >= 2*MaxLists { // zones that were set once
			h.all = map[string]*unanswered{}
		}
		u = &unanswered{}
		h.all[zone] = u
	}
	u.count, u.reason, u.until = u.count+1, v.Reason, now.Add(restFor)
}

// Troubles are the lists that are left alone now, of those that are set.
func (j *Judge) Troubles() []mail.ListTrouble {
	if j.options.Lists == nil {
		return nil
	}
	var list []mail.ListTrouble
	j.lists.mu.Lock()
	defer j.lists.mu.Unlock()
	for _, l := range j.options.Lists().Lists {
		if u := j.lists.all[l.Zone]; u != nil && u.count >= restAfter {
			list = append(list, mail.ListTrouble{Zone: l.Zone, Reason: u.reason})
		}
	}
	return list
}

// listed asks one block list (RFC 5782 §2.1).
func (j *Judge) listed(ctx context.Context, l mail.BlockList, peer netip.Addr) (v Verdict) {
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

// CheckList says whether a list is one that works, before the office turns it on:
// it must list 127.0.0.2 and must not list 127.0.0.1 (RFC 5782 §5). The reason is
// for people; "" if all is well.
func (j *Judge) CheckList(ctx context.Context, zone string) (reason string) {
	must := j.listed(ctx, mail.BlockList{Zone: zone}, netip.MustParseAddr("127.0.0.2"))
	mustNot := j.listed(ctx, mail.BlockList{Zone: zone}, netip.MustParseAddr("127.0.0.1"))
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
