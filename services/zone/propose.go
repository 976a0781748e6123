package zone

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"fmt"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// Records are what the office should publish: the box's own first, then each domain's.
func Records(o Office) []Record {
	list := host(o)
	for i := range o.Domains {
		d := &o.Domains[i]
		if d.KeysOnly {
			list = append(list, keys(o, d)...)
			continue
		}
		list = append(list, mx(o, d), spfOf(o, d))
		list = append(list, keys(o, d)...)
		list = append(list, dmarcOf(o, d), tlsReports(d))
		list = append(list, strict(o, d)...)
		list = append(list, programs(o, d)...)
	}
	return list
}

// Notes say, one sentence or two for each, why a record that an office would look for
// is not among Records.
func Notes(o Office) []string {
	var list []string
	for i := range o.Domains {
		d := &o.Domains[i]
		switch {
		case !d.Left:
		case o.SmartHost == "":
			list = append(list, "The box doesn't sign mail from "+d.Name+", and it sends mail to other servers directly, so nobody signs it: some of them may take it for junk. There is no key (DKIM) to publish.")
		default:
			list = append(list, "The box doesn't sign mail from "+d.Name+": that is left to the provider, "+o.SmartHost+". So the box has no key (DKIM) to publish; the provider says whether there is one of its own.")
		}
	}
	return list
}

// host are the records of the box's name.
func host(o Office) []Record {
	var list []Record
	for _, addr := range o.Addresses {
		if !public(addr) {
			continue
		}
		kind := "A"
		if addr.Is6() {
			kind = "AAAA"
		}
		list = append(list, Record{
			About: "Where the box is: the name that all else leads to.", Need: Needed, Name: o.Hostname, Type: kind, Value: addr.String(), look: lookAddress(addr),
		})
	}
	if list == nil {
		list = append(list, Record{
			About: "Where the box is: the name that all else leads to.", Need: Needed, Name: o.Hostname, Type: "A", look: lookHost,
		})
	}
	list = append(list, keysOfTLS(o)...)
	for _, p := range o.Proofs {
		list = append(list, Record{
			About: "By which the certificate's issuer sees that the name is yours. It can go again when the certificate is there.", Need: Needed,
			Name: p.Name, Type: "TXT", Value: p.Value, look: lookProof,
		})
	}
	return append(list, Record{
		About: "Which server may call itself by the box's name: reports have no other sender.", Need: Useful,
		Name: o.Hostname, Type: "TXT", Value: "v=spf1 a ~all", look: lookSPF(o, o.Hostname),
	})
}

// keysOfTLS are the TLSA records of port 25 (RFC 7672 §3.1): public keys by SHA-256, of
// the box's own authority (DANE-TA) and of a certificate from elsewhere, which keeps its
// key (DANE-EE). The world's authorities are named in none: they come and go. Either
// record is enough for those who heed them (RFC 7671 §8.1), so the box can change
// between its certificates while both stand there.
func keysOfTLS(o Office) []Record {
	var list []Record
	add := func(about string, usage uint8, sum []byte) {
		list = append(list, Record{
			About: about, Need: Useful, Name: "_25._tcp." + o.Hostname, Type: "TLSA", Value: fmt.Sprintf("%d 1 1 %x", usage, sum),
			look: lookTLSA(usage, sum, o),
		})
	}
	if len(o.KeySum) > 0 {
		add("By what other servers know the certificate that the box has from elsewhere (DANE).", usageKey, o.KeySum)
	}
	if sum := ownSum(o); sum != nil {
		add("By what other servers know that the box is the right one, so that nobody in between can read mail (DANE).", usageAuthority, sum)
	}
	return list
}

// The certificate usages of RFC 6698 §2.1.1.
const (
	usageAuthority = 2
	usageKey       = 3
)

// ownSum is the SHA-256 of the public key of the box's own authority.
func ownSum(o Office) []byte {
	der := o.Authority
	if der == nil {
		der = o.Own
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil
	}
	sum := sha256.Sum256(cert.RawSubjectPublicKeyInfo)
	return sum[:]
}

// Heeded says which of the box's certificates suits the TLSA records that stand in DNS:
// the one from elsewhere, which is Office.KeySum's, and the box's own.
func Heeded(o Office, records []resolver.TLSA) (elsewhere, own bool) {
	sum := ownSum(o)
	for _, t := range records {
		if t.Selector != 1 || t.Matching != 1 {
			continue
		}
		elsewhere = elsewhere || t.Usage == usageKey && bytes.Equal(t.Data, o.KeySum)
		own = own || t.Usage == usageAuthority && bytes.Equal(t.Data, sum)
	}
	return elsewhere, own
}

func mx(o Office, d *Domain) Record {
	return Record{
		About: "Which server takes mail for " + d.Name + ".", Need: Needed,
		Name: d.Name, Type: "MX", Value: "10 " + o.Hostname, look: lookMX(o.Hostname, d.Collected),
	}
}

func spfOf(o Office, d *Domain) Record {
	text := "v=spf1 mx ~all"
	switch {
	case o.SmartHost != "":
		text = "v=spf1 mx a:" + o.SmartHost + " ~all"
	case d.Collected:
		text = "v=spf1 mx a:" + o.Hostname + " ~all"
	}
	return Record{
		About: "Which servers send mail of " + d.Name + " (SPF).", Need: Needed, Name: d.Name, Type: "TXT", Value: text, look: lookSPF(o, d.Name),
	}
}

// keys are the records of the domain's signing keys; none where its provider signs.
func keys(o Office, d *Domain) []Record {
	if d.Left {
		return nil
	}
	var list []Record
	for _, k := range d.Keys {
		r := Record{Name: k.Name, Type: "TXT", Value: k.Text, look: lookKey(k, o.Now)}
		switch k.Use {
		case dkim.UseCurrent:
			r.Need, r.About = Needed, "A key by which others see that mail is from "+d.Name+" (DKIM)."
		case dkim.UseNext:
			r.Need, r.About = Needed, "The next key of "+d.Name+" (DKIM): the box takes it up when it sees it here."
		default:
			r.Need, r.About = Old, "A former key of "+d.Name+" (DKIM), for mail that is still on its way; it can be removed from "+day(k.Until)+" on."
		}
		list = append(list, r)
	}
	return list
}

// contact is who gets reports about a domain.
func contact(d *Domain) string { return "mailto:postmaster@" + d.Name }

func dmarcOf(_ Office, d *Domain) Record {
	return Record{
		About: "What others do with mail that only claims to be from " + d.Name + " (DMARC).", Need: Needed,
		Name: "_dmarc." + d.Name, Type: "TXT", Value: "v=DMARC1; p=none; rua=" + contact(d), look: lookDMARC,
	}
}

func tlsReports(d *Domain) Record {
	return Record{
		About: "Where others tell that they could not send mail safely to " + d.Name + " (TLS-RPT).", Need: Useful,
		Name: "_smtp._tls." + d.Name, Type: "TXT", Value: "v=TLSRPTv1; rua=" + contact(d), look: lookTagged("v=TLSRPTv1"),
	}
}

// strict are the records that demand TLS of who sends (MTA-STS, RFC 8461 §3.1).
func strict(o Office, d *Domain) []Record {
	need := Useful
	if o.Authority != nil {
		need = Later
	}
	policy := Record{
		About: "Says that mail to " + d.Name + " must come over a safe connection (MTA-STS).", Need: need,
		Name: "_mta-sts." + d.Name, Type: "TXT", Value: "v=STSv1; id=" + PolicyID(o), look: lookTagged("v=STSv1"),
	}
	where := Record{
		About: "Where that policy is fetched from: the box serves it.", Need: need,
		Name: PolicyHost(d.Name), Type: "CNAME", Value: o.Hostname, look: lookAlias(o.Hostname),
	}
	if need == Later {
		policy.look, where.look = lookLater(policy.look), lookLater(where.look)
	}
	return []Record{policy, where}
}

// programs are the records by which mail programs find the box.
func programs(o Office, d *Domain) []Record {
	var list []Record
	for _, name := range [...]string{"autoconfig", "autodiscover"} {
		list = append(list, Record{
			About: "By which mail programs find their settings for " + d.Name + ".", Need: Useful,
			Name: name + "." + d.Name, Type: "CNAME", Value: o.Hostname, look: lookAlias(o.Hostname),
		})
	}
	for _, s := range [...]struct {
		name     string
		priority uint16
		port     uint16
	}{{"_imaps", 0, 993}, {"_submissions", 0, 465}, {"_pop3s", 10, 995}, {"_autodiscover", 0, 443}} {
		list = append(list, Record{
			About: "By which mail programs find the server for " + d.Name + ".", Need: Useful,
			Name: s.name + "._tcp." + d.Name, Type: "SRV", Value: fmt.Sprintf("%d 1 %d %s", s.priority, s.port, o.Hostname), look: lookService(o.Hostname, s.port),
		})
	}
	return list
}

// public reports whether the world can reach an address.
func public(addr netip.Addr) bool {
	addr = addr.Unmap()
	shared := netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10) // RFC 6598, behind a provider's NAT
	return addr.IsGlobalUnicast() && !addr.IsPrivate() && !shared.Contains(addr)
}
