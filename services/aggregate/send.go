package aggregate

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/tlsrpt"
)

// Send sends the reports of all days that are over. What can't be sent now stays.
func (a *Aggregate) Send(ctx context.Context) {
	domain, leaves := a.o.Sender()
	if domain == "" || !leaves {
		return
	}
	sent := 0
	email := "postmaster@" + domain
	for _, r := range a.dmarc.Due(a.o.Now()) {
		if wanted, _ := a.o.Wanted(r.Published.Domain); !wanted {
			a.dmarc.Done(r)
			a.changed.Store(true)
			continue
		}
		by := dmarc.Reporter{Organization: domain, Email: email, Domain: domain}
		done, err := a.report(ctx, r.Recipients, func(to string) ([]byte, error) { return r.Message(by, to, a.o.Now()) })
		if err != nil {
			a.o.Log.Info("DMARC report waits", "domain", r.Published.Domain, "err", err)
			continue
		}
		a.dmarc.Done(r)
		a.changed.Store(true)
		sent += done
	}
	for _, r := range a.tls.Due(a.o.Now()) {
		if _, wanted := a.o.Wanted(r.Domain); !wanted {
			a.tls.Done(r)
			a.changed.Store(true)
			continue
		}
		by := tlsrpt.Reporter{Organization: domain, Email: email, Domain: domain}
		done, err := a.tlsReport(ctx, r, by)
		sent += done
		if err != nil {
			a.o.Log.Info("TLS report waits", "domain", r.Domain, "err", err)
			continue
		}
		a.tls.Done(r)
		a.changed.Store(true)
	}
	if sent > 0 {
		a.o.Log.Info("reports to other domains are on their way", "reports", sent)
	}
}

// report sends one report to all who want it. The error is temporary.
func (a *Aggregate) report(ctx context.Context, who func(context.Context, dmarc.DNS) ([]string, error), write func(to string) ([]byte, error)) (sent int, err error) {
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	list, err := who(ctx, a.o.DNS)
	if err != nil {
		return 0, err
	}
	for _, to := range list {
		text, err := write(to)
		if err != nil {
			return sent, err
		}
		n, err := a.mail(ctx, to, text)
		if err != nil {
			return sent, err
		}
		sent += n
	}
	return sent, nil
}

// mail posts one report as a message, and says how many went: none to what can't be an
// envelope's address, nor what is too large.
func (a *Aggregate) mail(ctx context.Context, to string, text []byte) (int, error) {
	address, err := mail.ParseAddress(to)
	if err != nil {
		return 0, nil
	}
	if len(text) > maxSize {
		a.o.Log.Warn("a report is too large to be sent", "to", to, "bytes", len(text))
		return 0, nil
	}
	now := a.o.Now()
	envelope := &mail.Envelope{ID: mail.NewID(now), Received: now, Size: int64(len(text)), To: []mail.Recipient{{Address: address, Notify: mail.NotifyNever}}}
	if err := a.o.Post.Post(ctx, envelope, text); err != nil {
		return 0, fmt.Errorf("post report to %s: %w", to, err)
	}
	return 1, nil
}
