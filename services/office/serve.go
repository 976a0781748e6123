package office

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/imapd"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/pop3d"
	"github.com/sanduk-mail/sanduk/services/reception"
	"github.com/sanduk-mail/sanduk/services/smtpd"
	"github.com/sanduk-mail/sanduk/services/web"
)

// shutdownTime is how long messages on their way and commands at work may take
// to end; it is below the time after which the supervisor kills.
const shutdownTime = 10 * time.Second

// server is what all protocol servers have in common.
type server interface {
	Shutdown(ctx context.Context) error
}

// servers of one office.
type servers struct {
	smtp *smtpd.Server
	imap *imapd.Server
	pop3 *pop3d.Server
	web  *web.Server
}

// Serve answers on the listeners, whose names are those of the socket units:
// smtp submission submissions imap imaps pop3 pop3s http https. It returns when
// ctx ends, a listener fails, or the disk can't be trusted any more and a new
// start would mend that; by then all sessions have ended.
func (o *Office) Serve(ctx context.Context, listeners map[string]net.Listener) error {
	s, err := o.newServers()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var running sync.WaitGroup
	for name, l := range listeners {
		serve, err := o.serveOn(s, name, l)
		if err != nil {
			cancel(err)
			break
		}
		running.Go(func() {
			if err := serve(); err != nil && !errors.Is(err, reception.ErrClosed) {
				cancel(fmt.Errorf("office: serve %s: %w", name, err))
			}
		})
	}
	running.Go(func() { o.certs.Run(ctx) })
	running.Go(func() { o.attend(ctx) })
	running.Go(func() { o.exporter.Run(ctx) })
	if o.options.Errands != nil {
		running.Go(func() { o.runErrands(ctx) })
	}
	running.Go(func() { o.serveExtra(ctx, s) })
	running.Go(func() { o.trail.run(ctx) })
	running.Go(func() { o.shares.Run(ctx) })
	if o.onlyRead == nil { // else what they do could not be noted, and would be done again
		running.Go(func() { o.checkpoint(ctx) })
		running.Go(func() { o.completeTrace(ctx) })
		running.Go(func() { o.endLeaves(ctx, s.pop3) })
		running.Go(func() { o.signer.Run(ctx) })
		running.Go(func() { o.weighCertificate(ctx) })
		running.Go(func() { o.issuance.Run(ctx) })
		running.Go(func() { o.aggregate.Run(ctx) })
		running.Go(func() {
			if o.untilSure(ctx) {
				o.collector.Run(ctx)
			}
		})
		running.Go(func() { o.upkeep.Run(ctx) })
		running.Go(func() { o.watchRoom(ctx) })
		running.Go(func() { o.queue.Run(ctx) })
		running.Go(func() { o.sendNotices(ctx) })
		running.Go(func() { o.warn(ctx) })
		if o.feed != nil {
			running.Go(func() { o.feed.Run(ctx) })
		}
	}
	select {
	case <-ctx.Done():
	case <-o.journal.Failed():
		endure(ctx, o.probe, o.sayReadOnly)
		cancel(fmt.Errorf("office: the journal can't go on: %w", mail.ErrClosed))
	case <-o.queue.Failed():
		endure(ctx, o.probe, o.sayReadOnly)
		cancel(fmt.Errorf("office: the queue's index is damaged, the next start mends it: %w", mail.ErrClosed))
	case <-o.collected.Failed():
		endure(ctx, o.probe, o.sayReadOnly)
		cancel(fmt.Errorf("office: the index of what was collected is damaged, the next start mends it: %w", mail.ErrClosed))
	case <-o.store.Failed():
		endure(ctx, o.probe, o.sayReadOnly)
		cancel(fmt.Errorf("office: an index is damaged, the next start mends it: %w", mail.ErrClosed))
	}
	o.shutdown(s)
	for _, l := range listeners {
		_ = l.Close() // also those that nobody served
	}
	running.Wait()
	o.trail.rest(context.WithoutCancel(ctx))
	if err := context.Cause(ctx); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func (o *Office) newServers() (*servers, error) {
	config := o.certs.ServerTLSConfig()
	asking := o.askingTLS()
	s := &servers{
		smtp: smtpd.New(smtpd.Options{
			Hostname: o.hostname, Mailroom: o.mailroom, Auth: auth.Unbound{Authenticator: o.auth.For(mail.ServiceSubmission)}, Seen: o.saw(mail.ServiceSubmission), TLS: config, SubmissionTLS: asking,
			Draft: o.spool.New, MaxSize: mail.MaxMessage, Trusted: o.lan.Trusted, Guards: o.guards(), Allowances: senders{o}, Judge: o.judge, Room: o.room.Outside, Offers: o.offers(), Turner: turner{o}, Log: o.log.With("protocol", "smtp"),
		}),
		imap: imapd.New(imapd.Options{
			Open: o.openIMAP, Auth: o.auth.For(mail.ServiceIMAP), Seen: o.saw(mail.ServiceIMAP), TLS: asking, KeptTexts: o.options.Memory.cache(), Trail: o.trail,
			Draft: o.spool.New, MaxSize: mail.MaxMessage, Trusted: o.lan.Trusted, Version: o.options.Version, Log: o.log.With("protocol", "imap"),
		}),
		pop3: pop3d.New(pop3d.Options{
			Open: o.openPOP3, Auth: o.auth.For(mail.ServicePOP3), Seen: o.saw(mail.ServicePOP3), TLS: asking, Trusted: o.lan.Trusted, Rules: popRules{o}, Trail: o.trail, Version: o.options.Version, Log: o.log.With("protocol", "pop3"),
		}),
	}
	var err error
	everybody := people{o.directory, o.store, s, o.devices}
	s.web, err = web.New(web.Options{
		Box: box{o}, Accounts: everybody, Access: everybody, POP3: o.directory, LogInCerts: everybody, APOP: everybody, Shares: o.shares, Authenticator: o.auth, Tokens: tokens{o.directory}, Addresses: o.directory, Search: finder{o}, Archives: archives{o}, Health: doctor{o}, Sending: sentCounts{o}, Undo: undo{o}, Collector: o.collector, Sources: sourceBook{o}, Mover: o.movers(), Recoverable: o.store.Retention(), Certificates: shownCertificates{o.certs}, BoxCertificate: boxCertificate{o}, Challenge: o.issuance, Machine: o.options.Machine,
		DNS: published{o}, Queue: waiting{o.queue, o.directory}, Trace: o.tracing(), Tally: o.tally, Audit: o.audit,
		Verdicts: verdicts{o}, Spares: o.directory, Admissions: o.directory, BlockLists: listBook{o}, Sizes: listBook{o}, Computer: o.options.Computer, Networking: o.options.Networking, Encryption: o.options.Encryption, Monitor: monitors{o}, Log: o.boxLog(), UpdateSource: o.updateSource(), Disks: o.seenDisks(), Uplink: o.uplink(), SecondFactors: secondFactors{o.directory, o.auth}, AppPasswords: everybody, Passkeys: passkeys{o.directory, o.auth}, Devices: o.devices, Routes: routeBook{o}, Content: rulebook{o}, Decisions: heldMail{o},
		Claim: o.claim, WayBack: o.wayBack, Local: o.lan.Local, Trusted: o.lan.Trusted, Names: o.names(), TLS: o.certs.TLSConfig("h2", "http/1.1"),
		Version: o.options.Version, Logger: o.log.With("protocol", "web"),
	})
	if err != nil {
		return nil, fmt.Errorf("office: make web server: %w", err)
	}
	return s, nil
}

// guards are those of port 25. The office's own machines are no strangers: an old
// scanner that doesn't keep to the rules must get its page through.
func (o *Office) guards() smtpd.Guards {
	g := smtpd.StandardGuards()
	g.Exempt, g.Spare, g.Screener = o.lan.Local, o.isSpare, o.judge
	return g
}

// serveOn says what runs on a listener. Mailboxes and submission are for the
// office's own network and whom the administrator lets in; port 25 is what the world sees; the web server looks at
// its clients itself, because some of its paths may be opened to the world.
func (o *Office) serveOn(s *servers, name string, l net.Listener) (func() error, error) {
	only := func(service mail.Service) net.Listener { return o.lan.Listener(l, service) }
	switch name {
	case "smtp":
		return func() error { return s.smtp.Serve(l, smtpd.Mode{}) }, nil
	case "submission":
		return func() error { return s.smtp.Serve(only(mail.ServiceSubmission), smtpd.Mode{Submission: true}) }, nil
	case "submissions":
		return func() error {
			return s.smtp.Serve(only(mail.ServiceSubmission), smtpd.Mode{Submission: true, ImplicitTLS: true})
		}, nil
	case "imap":
		return func() error { return s.imap.Serve(only(mail.ServiceIMAP), imapd.Mode{}) }, nil
	case "imaps":
		return func() error { return s.imap.Serve(only(mail.ServiceIMAP), imapd.Mode{ImplicitTLS: true}) }, nil
	case "pop3":
		return func() error { return s.pop3.Serve(only(mail.ServicePOP3), pop3d.Mode{}) }, nil
	case "pop3s":
		return func() error { return s.pop3.Serve(only(mail.ServicePOP3), pop3d.Mode{ImplicitTLS: true}) }, nil
	case "http":
		return func() error { return s.web.Serve(l, web.Plain) }, nil
	case "https":
		return func() error { return s.web.Serve(l, web.Secure) }, nil
	}
	return nil, fmt.Errorf("office: nothing serves a socket named %q", name)
}

// shutdown ends all servers side by side.
func (o *Office) shutdown(s *servers) {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownTime)
	defer cancel()
	var ending sync.WaitGroup
	for name, server := range map[string]server{"smtp": s.smtp, "imap": s.imap, "pop3": s.pop3, "web": s.web} {
		ending.Go(func() {
			if err := server.Shutdown(ctx); err != nil {
				o.log.Warn("sessions were cut at shutdown", "protocol", name, "err", err)
			}
		})
	}
	ending.Wait()
}
