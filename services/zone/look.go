package zone

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/trust"
)

// DNS is asked. *resolver.Client is one; a validated one tells whether DANE is of use.
type DNS interface {
	trust.DNS
	TLSA(ctx context.Context, name string) (resolver.Answer[resolver.TLSA], error)
	SRV(ctx context.Context, name string) (resolver.Answer[resolver.SRV], error)
}

const (
	// lookTime is for all that is asked: a page waits for it.
	lookTime = 20 * time.Second
	// atOnce is how many records are asked for side by side.
	atOnce = 16
	// maxHosts bounds the addresses whose names are asked for.
	maxHosts = 8
)

// Look finds out how the records stand, and adds those of the addresses under which the
// box is found (PTR). It takes 20 seconds at most: what is not known then is Unknown.
func Look(ctx context.Context, dns DNS, o Office, records []Record) []Record {
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	list := slices.Clone(records)
	found, err := dns.Addresses(ctx, o.Hostname)
	names := 0
	for _, addr := range found.Records {
		if err == nil && public(addr) && names < maxHosts {
			list = slices.Insert(list, names+hostRecords(records, o), pointer(o, addr))
			names++
		}
	}
	slots := make(chan struct{}, atOnce)
	var wait sync.WaitGroup
	for i := range list {
		r := &list[i]
		if r.look == nil {
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			r.look(ctx, dns, r)
		})
	}
	wait.Wait()
	return list
}

// hostRecords is how many records of the box's own address stand first.
func hostRecords(records []Record, o Office) int {
	n := 0
	for n < len(records) && records[n].Name == o.Hostname && (records[n].Type == "A" || records[n].Type == "AAAA") {
		n++
	}
	return n
}

// pointer is the record of an address's name.
func pointer(o Office, addr netip.Addr) Record {
	return Record{
		About: "What the office's address " + addr.String() + " is called: many servers take no mail from one without a name.", Need: Needed,
		Name: reverse(addr), Type: "PTR", Value: o.Hostname,
		look: func(ctx context.Context, dns DNS, r *Record) {
			a, err := dns.PTR(ctx, addr)
			todo := "Ask your Internet provider to give the address " + addr.String() + " the name " + o.Hostname + ": nobody else can. If they can't, send through a provider's server."
			if r.asked(err, todo) {
				r.compare(slices.Contains(a.Records, o.Hostname), todo, a.Records)
			}
		},
	}
}

// asked deals with an answer that has no records; false if it has none.
func (r *Record) asked(err error, todo string) bool {
	switch {
	case err == nil:
		return true
	case errors.Is(err, resolver.ErrNone):
		r.is(Missing, todo)
	default:
		r.is(Unknown, "DNS could not be asked just now. Look again later.")
	}
	return false
}

// compare says whether what was found will do.
func (r *Record) compare(good bool, todo string, found []string) {
	if good {
		r.is(OK, "")
	} else {
		r.is(Differs, todo, found...)
	}
}

// reverse is the name under which an address's name stands (RFC 1035 §3.5, RFC 3596
// §2.5).
func reverse(addr netip.Addr) string {
	const digits = "0123456789abcdef"
	var labels []string
	addr = addr.Unmap()
	for _, b := range addr.AsSlice() {
		if addr.Is4() {
			labels = append(labels, strconv.Itoa(int(b)))
		} else {
			labels = append(labels, digits[b>>4:b>>4+1], digits[b&15:b&15+1])
		}
	}
	slices.Reverse(labels)
	if addr.Is4() {
		return strings.Join(labels, ".") + ".in-addr.arpa"
	}
	return strings.Join(labels, ".") + ".ip6.arpa"
}
