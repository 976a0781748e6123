package zone

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/trust"
)

type look = func(ctx context.Context, dns DNS, r *Record)

const publish = "Publish this record where your domain's DNS is kept."

// lookAddress wants one of the box's own addresses.
func lookAddress(addr netip.Addr) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		a, err := dns.Addresses(ctx, r.Name)
		if r.asked(err, publish) {
			r.compare(slices.Contains(a.Records, addr), "Publish this address too, or put it in the place of those there.", texts(a.Records))
		}
	}
}

// lookHost wants any address that can be reached: behind a router, only the office
// knows which.
func lookHost(ctx context.Context, dns DNS, r *Record) {
	a, err := dns.Addresses(ctx, r.Name)
	todo := "Publish the address under which the office is reached from outside (your router or Internet provider shows it), and have the router pass port 25 on to the box."
	if r.asked(err, todo) {
		r.compare(slices.ContainsFunc(a.Records, public), todo, texts(a.Records))
		if r.State == OK {
			r.Found = texts(a.Records)
		}
	}
}

func texts(addrs []netip.Addr) []string {
	list := make([]string, len(addrs))
	for i, a := range addrs {
		list[i] = a.String()
	}
	return list
}

func lookMX(hostname string, collected bool) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		a, err := dns.MX(ctx, r.Name)
		if !r.asked(err, publish) {
			return
		}
		var list []string
		good := false
		for _, mx := range a.Records {
			list = append(list, fmt.Sprintf("%d %s", mx.Preference, mx.Host))
			good = good || mx.Host == hostname
		}
		switch {
		case good:
			r.is(OK, "")
		case collected:
			r.is(OK, "Mail comes in at your provider, from where the box collects it: leave that as it is.", list...)
		default:
			r.is(Differs, "Mail for "+r.Name+" goes to another server. Publish this record in place of those there when the box shall take it.", list...)
		}
	}
}

// lookSPF wants one record that lets this office send. Whether a provider's servers
// are in it only the provider knows.
func lookSPF(o Office, name string) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		list, ok := r.tagged(ctx, dns, "v=spf1")
		if !ok {
			if o.SmartHost != "" && r.State == Missing {
				r.ToDo += " Ask your provider what belongs in place of a:" + o.SmartHost + "; often it is include: and a name."
			}
			return
		}
		if len(list) > 1 {
			r.is(Differs, "There may be one such record only (RFC 7208 §3.2). Put them together.", list...)
			return
		}
		if o.SmartHost != "" && name != o.Hostname {
			r.is(OK, "Your provider knows whether its servers are in it.", list...)
			return
		}
		a, err := dns.Addresses(ctx, o.Hostname)
		if err != nil {
			r.is(Unknown, "Whether this lets the box send can't be said before "+o.Hostname+" has an address.", list...)
			return
		}
		for _, addr := range a.Records[:min(len(a.Records), maxHosts)] {
			switch v := trust.CheckSPF(ctx, dns, addr, name); v.Result {
			case trust.Pass:
			case trust.TempError:
				r.is(Unknown, "DNS could not be asked just now. Look again later.", list...)
				return
			default:
				r.is(Differs, fmt.Sprintf("It does not let the box send from %s. Add “a:%s” to it.", addr, o.Hostname), list...)
				return
			}
		}
		r.is(OK, "", list...)
	}
}

// tagged gives the texts of the record's name that begin with a version.
func (r *Record) tagged(ctx context.Context, dns DNS, version string) ([]string, bool) {
	a, err := dns.TXT(ctx, r.Name)
	if !r.asked(err, publish) {
		return nil, false
	}
	var list []string
	for _, text := range a.Records {
		rest, found := strings.CutPrefix(strings.ToLower(text), strings.ToLower(version))
		if found && (rest == "" || rest[0] == ' ' || rest[0] == ';') {
			list = append(list, text)
		}
	}
	if list == nil {
		r.is(Missing, publish)
	}
	return list, list != nil
}

// lookKey wants a key as it was made; one that is too old to be needed may stay or go.
func lookKey(k dkim.DNSRecord, now time.Time) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		there, err := k.Published(ctx, dns)
		switch {
		case err != nil:
			r.asked(err, "")
		case k.Use == dkim.UseRetired && now.After(k.Until):
			r.is(OK, map[bool]string{true: "Remove it: no mail is under way that needs it."}[there])
		case there:
			r.is(OK, "")
		default:
			a, err := dns.TXT(ctx, k.Name)
			todo := publish
			if k.Use == dkim.UseRetired {
				todo = "Put it back, if mail of the last days matters: it may still be checked."
			}
			if r.asked(err, todo) {
				r.is(Differs, "Publish this text in place of the one there. Panels sometimes cut it off: it must be whole.", a.Records...)
			}
		}
	}
}

func lookDMARC(ctx context.Context, dns DNS, r *Record) {
	list, ok := r.tagged(ctx, dns, "v=DMARC1")
	if !ok {
		return
	}
	record, err := dmarc.ParseRecord(list[0])
	switch {
	case len(list) > 1:
		r.is(Differs, "There may be one such record only (RFC 9989 §4.7). Remove the others.", list...)
	case err != nil:
		r.is(Differs, "This is written wrongly and counts for nothing. Publish the record in its place.", list...)
	case record.Policy == dmarc.Monitor || record.Policy == dmarc.NoPolicy:
		r.is(OK, "When the reports show for some weeks that all mail of the office passes, change p=none to p=quarantine.", list...)
	default:
		r.is(OK, "", list...)
	}
}

// lookTagged wants a text with a version; of several nobody knows which counts.
func lookTagged(version string) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		list, ok := r.tagged(ctx, dns, version)
		switch {
		case !ok:
		case len(list) > 1:
			r.is(Differs, "There may be one such record only. Remove the others.", list...)
		case version == "v=STSv1" && list[0] != r.Value:
			r.is(Differs, "The policy has changed: publish the new id, so that others fetch it.", list...)
		default:
			r.is(OK, "", list...)
		}
	}
}

// lookLater is for what is not to be published yet.
func lookLater(then look) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		then(ctx, dns, r)
		const until = "Not yet: other servers fetch the policy only from a certificate that they know. "
		switch r.State {
		case OK, Differs:
			r.is(Differs, until+"Remove this record until the box has one.", r.Found...)
		case Missing:
			r.is(OK, until+"Publish it when the box has one.")
		}
	}
}

// lookAlias wants a name that leads to the box, whichever way.
func lookAlias(hostname string) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		a, err := dns.Addresses(ctx, r.Name)
		if !r.asked(err, publish) {
			return
		}
		good := a.Name == hostname
		if box, err := dns.Addresses(ctx, hostname); err == nil {
			good = good || slices.ContainsFunc(a.Records, func(addr netip.Addr) bool { return slices.Contains(box.Records, addr) })
		}
		r.compare(good, "This leads to another server. If mail programs shall find the box, publish the record in place of what is there.", texts(a.Records))
	}
}

func lookService(hostname string, port uint16) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		a, err := dns.SRV(ctx, r.Name)
		if !r.asked(err, publish) {
			return
		}
		var list []string
		good := false
		for _, s := range a.Records {
			list = append(list, fmt.Sprintf("%d %d %d %s", s.Priority, s.Weight, s.Port, s.Target))
			good = good || s.Target == hostname && s.Port == port
		}
		r.compare(good, "This leads to another server. If mail programs shall find the box, publish the record in place of what is there.", list)
	}
}

// lookTLSA: what is there and fits no certificate keeps mail away; without DNSSEC it
// is not believed (RFC 7672 §2.2).
func lookTLSA(usage uint8, sum []byte, o Office) look {
	return func(ctx context.Context, dns DNS, r *Record) {
		a, err := dns.TLSA(ctx, r.Name)
		signed := a.Authenticated
		todo := publish
		if !signed {
			if host, err := dns.Addresses(ctx, o.Hostname); err == nil && !host.Authenticated {
				todo = "Your domain's DNS is not signed (DNSSEC), and without that nobody heeds this record. Leave it out, or have DNSSEC turned on first."
			}
		}
		if !r.asked(err, todo) {
			return
		}
		var list []string
		good := false
		for _, t := range a.Records {
			list = append(list, fmt.Sprintf("%d %d %d %s", t.Usage, t.Selector, t.Matching, hex.EncodeToString(t.Data)))
			good = good || t.Usage == usage && t.Selector == 1 && t.Matching == 1 && bytes.Equal(t.Data, sum)
		}
		elsewhere, own := Heeded(o, a.Records)
		switch {
		case !good && (elsewhere || own):
			r.is(Missing, "Publish it beside the one that is there: the box can use either of its certificates then.")
		case !good:
			r.is(Differs, "None of these is the box's: servers that heed them send it no mail. Publish this record in their place, or remove them.", list...)
		case !signed:
			r.is(OK, todo, list...)
		default:
			r.is(OK, "", list...)
		}
	}
}

// lookProof: former values beside the right one do no harm.
func lookProof(ctx context.Context, dns DNS, r *Record) {
	const publish = "Publish this record: the box gets its certificate within minutes of seeing it."
	a, err := dns.TXT(ctx, r.Name)
	if r.asked(err, publish) {
		r.compare(slices.Contains(a.Records, r.Value), publish, a.Records)
	}
}
