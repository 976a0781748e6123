package rescue

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// Limits. One person reads the page; other mail servers come one by one.
const (
	maxConnections = 32 // on each port
	maxHeader      = 16 << 10
	headerTime     = 10 * time.Second
	answerTime     = 2 * time.Minute // a support bundle on a slow network
	idleTime       = 30 * time.Second
	partingTime    = 3 * time.Second // for the last answers
)

// Options are what Serve needs.
type Options struct {
	Box Box
	Log *slog.Logger
	// SMTP, HTTP and HTTPS are the open sockets. Those of the pages let in only who may
	// see them.
	SMTP, HTTP, HTTPS net.Listener
	Host              string // the box's name
	Now               time.Time
	// Show puts the certificate's fingerprint on the box's screen, and Ready is called
	// then: all ports answer.
	Show  func(ctx context.Context, fingerprint string) error
	Ready func()
}

// Serve serves until ctx ends or a socket fails.
func Serve(ctx context.Context, o Options) error {
	certificate, err := newCertificate(o.Now)
	if err != nil {
		return err
	}
	finger := fingerprint(certificate)
	secure := tls.NewListener(netutil.LimitListener(o.HTTPS, maxConnections), &tls.Config{
		Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"},
	})
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	wg.Go(func() {
		cancel(serveSMTP(ctx, netutil.LimitListener(o.SMTP, maxConnections), o.Host))
	})
	wg.Go(func() {
		cancel(serveHTTP(ctx, netutil.LimitListener(o.HTTP, maxConnections), handler(o.Box, o.Log, false, finger)))
	})
	wg.Go(func() { cancel(serveHTTP(ctx, secure, handler(o.Box, o.Log, true, finger))) })
	if err := o.Show(ctx, finger); err != nil {
		o.Log.Warn("the screen does not show the certificate's fingerprint", "err", err)
	}
	o.Ready()
	wg.Wait()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: idleTime, WriteTimeout: answerTime, IdleTimeout: idleTime,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       log.New(io.Discard, "", 0), // who speaks no TLS is no news
	}
	parted := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(parted)
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), partingTime)
		defer cancel()
		if server.Shutdown(last) != nil {
			_ = server.Close() // whoever is slow looks at the screen
		}
	})
	err := server.Serve(l)
	if !stop() {
		<-parted
		return nil
	}
	return fmt.Errorf("rescue: serve: %w", err)
}
