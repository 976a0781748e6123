package office

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
	"github.com/sanduk-mail/sanduk/services/tlscert"
	"github.com/sanduk-mail/sanduk/services/web"
	"github.com/sanduk-mail/sanduk/services/zone"
)

const (
	// certificateSoon is how long before a certificate ends somebody is told: what
	// renews by itself has done so by then.
	certificateSoon = 30 * 24 * time.Hour
	// renewalSoon is the same for one that the box gets by itself: by then it has been
	// tried for days, or for half of a short life.
	renewalSoon = 25 * 24 * time.Hour
	// ownSoon is the same for the box's own, which it makes anew before that.
	ownSoon = 14 * 24 * time.Hour
	// weighEvery is how often DNS is asked which certificate other servers want to see.
	weighEvery = time.Hour
	// weighTime bounds asking.
	weighTime = 30 * time.Second
)

// foundNames are the names at which programs and servers look by themselves for what
// belongs to the office's domains.
func (o *Office) foundNames() []string {
	var names []string
	box, _ := o.directory.Box()
	for _, name := range box.Domains {
		names = append(names, "autoconfig."+string(name), "autodiscover."+string(name), zone.PolicyHost(string(name)))
	}
	return names
}

// shownCertificates are the box's as the pages show them to the office.
type shownCertificates struct{ *tlscert.Certificates }

// CA is nil where nobody needs to install it.
func (s shownCertificates) CA() []byte {
	if s.Believed(s.Public()) {
		return nil
	}
	return s.Certificates.CA()
}

// serverAuthority is the authority that vouches for what other servers see; nil if they
// believe it anyway.
func (o *Office) serverAuthority() []byte {
	if o.certs.ServersSeePublic() && o.certs.Believed(o.certs.Public()) {
		return nil
	}
	return o.certs.CA()
}

// weighCertificate has other servers see the certificate that they will take, until ctx
// ends.
func (o *Office) weighCertificate(ctx context.Context) {
	ticker := time.NewTicker(weighEvery)
	defer ticker.Stop()
	for {
		o.weighOnce(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-o.weighNow:
		}
	}
}

// weighOnce shows other servers the certificate from elsewhere, unless a TLSA record in
// DNS names only the box's own: who heeds it would bring no mail any more (RFC 7672
// §2.2). When DNS can't be asked all stays as it is.
func (o *Office) weighOnce(ctx context.Context) {
	public := o.certs.Public()
	if public == nil {
		return // nothing to choose from
	}
	ctx, cancel := context.WithTimeout(ctx, weighTime)
	defer cancel()
	answer, err := published{o}.dns().TLSA(ctx, "_25._tcp."+o.hostname())
	if err != nil && !errors.Is(err, resolver.ErrNone) {
		o.log.Warn("DNS does not say which certificate other servers want to see", "err", err)
		return
	}
	sum := public.KeySum()
	elsewhere, own := zone.Heeded(zone.Office{Own: o.certs.CA(), KeySum: sum[:]}, answer.Records)
	if err := o.certs.ShowToServers(elsewhere || !own); err != nil {
		o.log.Error("other servers see the certificate of before", "err", err)
	}
}

// certificateFindings are what is wrong with the certificates, when the clock is sure.
func (o *Office) certificateFindings() (list []mail.Finding) {
	const date = "2 January 2006"
	if o.certs.Damaged() {
		list = append(list, mail.Finding{
			What: "The certificate that was brought in is damaged on the disk: the box shows its own, which computers believe that have installed its authority.",
			ToDo: "Upload the certificate with its key again, and have the disk looked at.",
		})
	}
	if leaf, err := x509.ParseCertificate(o.certs.Leaf()); err == nil && time.Until(leaf.NotAfter) < ownSoon {
		list = append(list, mail.Finding{
			What: fmt.Sprintf("The box's own certificate ends on %s, and could not be made anew.", leaf.NotAfter.In(o.zone()).Format(date)),
			ToDo: "Look whether the disk is full. If not, restart the box.",
		})
	}
	public := o.certs.Public()
	if public == nil {
		if s := o.issuance.State(); s.Problem != "" && !s.Working {
			list = append(list, mail.Finding{
				What: "The box could not get a certificate: " + s.Problem,
				ToDo: "See under Box, Certificates what it needs. It tries again by itself, and shows its own until then.",
			})
		}
		return list
	}
	switch ends := public.Leaf().NotAfter; {
	case time.Now().After(ends):
		list = append(list, mail.Finding{
			What: fmt.Sprintf("The box's certificate has ended on %s: it shows its own instead, which computers believe that have installed its authority.", ends.In(o.zone()).Format(date)),
			ToDo: o.renewalToDo("Upload a newer one under Box, Certificates, or remove the old one there."),
		})
	case time.Until(ends) < o.warnBefore(public.Leaf()):
		list = append(list, mail.Finding{
			What: fmt.Sprintf("The box's certificate ends on %s: programs will then refuse to talk to it.", ends.In(o.zone()).Format(date)),
			ToDo: o.renewalToDo("Get a newer one and upload it under Box, Certificates. The box renews by itself only those that it has got by itself."),
		})
	}
	if public.Leaf().VerifyHostname(o.hostname()) != nil {
		list = append(list, mail.Finding{
			What: "The box's certificate is not for " + o.hostname() + ", the box's name: programs refuse to talk to it.",
			ToDo: "Get one for this name and upload it under Box, Certificates, or remove the old one there.",
		})
	}
	return list
}

// boxCertificate is what the box shows, for the pages.
type boxCertificate struct{ o *Office }

// Certificates is how it stands.
func (b boxCertificate) Certificates() web.CertificateState {
	c := b.o.certs
	state := web.CertificateState{Servers: c.ServersSeePublic()}
	state.Authority, _ = x509.ParseCertificate(c.CA()) // the box has made both itself
	state.Own, _ = x509.ParseCertificate(c.Leaf())
	if public := c.Public(); public != nil {
		state.Public, state.Believed = public.Leaf(), c.Believed(public)
	}
	return state
}

// Upload takes a certificate with its key.
func (b boxCertificate) Upload(_ context.Context, chain, key []byte) error {
	if b.o.onlyRead != nil {
		return b.o.onlyRead
	}
	public, err := b.o.certs.Accept(chain, key)
	if err != nil {
		return err
	}
	if err := b.o.issuance.End(); err != nil { // else it would replace this one
		return err
	}
	if err := b.o.certs.SetPublic(public); err != nil {
		return err
	}
	b.o.weighSoon()
	return nil
}

// Remove goes back to the box's own.
func (b boxCertificate) Remove(context.Context) error {
	if b.o.onlyRead != nil {
		return b.o.onlyRead
	}
	if err := b.o.issuance.End(); err != nil { // else it would get another one
		return err
	}
	return b.o.certs.RemovePublic()
}

// weighSoon has DNS asked now.
func (o *Office) weighSoon() {
	select {
	case o.weighNow <- struct{}{}:
	default: // it will be anyway
	}
}
