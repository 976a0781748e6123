package main

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"

	"github.com/coreos/go-systemd/v22/daemon"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/porch"
	"github.com/sanduk-mail/sanduk/services/tlscert"
)

// porchDir has the certificate of the page that asks for the phrase: in memory, since everything else is locked.
const porchDir = "/run/maild/porch"

// locked says whether the mail can't be read before its phrase was typed.
func (m *machine) locked(ctx context.Context) (bool, error) {
	if m.pid1 == nil {
		return false, nil
	}
	state, err := m.pid1.Vault(ctx)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil // there is no PID 1 of ours
	}
	return state.Locked, err
}

// waitForPhrase asks for it, and returns when the mail is open. Whoever started this process starts it again then: it
// sees the directories as they were.
func (m *machine) waitForPhrase(ctx context.Context, listeners map[string]net.Listener, log *slog.Logger) error {
	if err := os.MkdirAll(porchDir, 0o700); err != nil {
		return err
	}
	files, err := durable.NewOS(porchDir)
	if err != nil {
		return err
	}
	defer func() { _ = files.Close() }() // in memory
	certificates, err := tlscert.Open(tlscert.Options{FS: files, Identity: tlscert.Identity{Names: []string{"mailbox.local"}, Addresses: m.Addresses()}, Logger: log})
	if err != nil {
		return err
	}
	if err := m.pid1.PushConsole(ctx, control.ConsoleArgs{State: "The mail is locked: open the page and type the recovery phrase", Fingerprint: certificates.Fingerprint().Words()}); err != nil {
		log.Warn("the screen does not say that the mail is locked", "err", err)
	}
	p := porch.New(porch.Options{Unlock: m.unlock, Local: m.near, TLS: certificates.TLSConfig("h2", "http/1.1"), Logger: log})
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		log.Warn("PID 1 was not told that we are ready", "err", err)
	}
	go feedWatchdog(ctx, func(context.Context) error { return nil }, log)
	log.Info("the mail is locked until its recovery phrase is typed")
	return p.Serve(ctx, listeners)
}

// unlock has PID 1 open the mail.
func (m *machine) unlock(ctx context.Context, phrase string) error {
	err := m.pid1.Unlock(ctx, phrase)
	if refused, ok := errors.AsType[*control.Error](err); ok && refused.Code == control.CodeInvalid {
		return &porch.Refusal{Public: refused.Text}
	}
	return err
}

// near says whether an address is in the office's network, as far as that is known while the settings are locked: the
// packet filter has them, and this comes on top.
func (m *machine) near(addr netip.Addr) bool {
	if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
		return true
	}
	networks, err := m.OnLink()
	return err == nil && slices.ContainsFunc(networks, func(p netip.Prefix) bool { return p.Contains(addr) })
}
