package web

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/uplink"
	"github.com/sanduk-mail/sanduk/services/web/claim"
)

// TestBoxes serves boxes to the browser's tests (ui/e2e), which start it with
// SANDUK_BOXES=1: each POST /new makes one with its own ports, the embedded
// pages and an office in memory. It ends when its standard input does.
func TestBoxes(t *testing.T) {
	if os.Getenv("SANDUK_BOXES") == "" {
		t.Skip("only for the browser's tests: npm run e2e")
	}
	control, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mux http.ServeMux
	mux.HandleFunc("POST /new", func(w http.ResponseWriter, r *http.Request) {
		if err := json.NewEncoder(w).Encode(newServedBox(t, r.FormValue("people") != "", r.FormValue("disk"))); err != nil {
			t.Error(err)
		}
	})
	go func() { _ = http.Serve(control, &mux) }()
	fmt.Printf("boxes: http://%s\n", control.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// servedUplink finds what an office in the middle of the field has; a domain that begins with
// "offline" has no Internet.
type servedUplink struct{}

func (servedUplink) Find(_ context.Context, domain string) uplink.Findings {
	f := uplink.Findings{Local: []netip.Addr{netip.MustParseAddr("192.168.1.20")}, Advice: uplink.Inside}
	if !strings.HasPrefix(domain, "offline") {
		f.Internet, f.Public, f.Line, f.Sending, f.Today = true, netip.MustParseAddr("203.0.113.5"), uplink.LineRouter, uplink.PortClosed, []string{"mx.provider.test"}
		f.Name, f.Advice = "host5.dsl.provider.test", uplink.Provider
	}
	return f
}

type servedBox struct {
	URL   string `json:"url"`
	Plain string `json:"plain"`
	Code  string `json:"code"` // for the set-up; of an office at work, for an administrator's password
}

// servedWayBack is a box whose screen shows a code.
type servedWayBack struct{ code *claim.Code }

func (w servedWayBack) Code() *claim.Code                          { return w.code }
func (w servedWayBack) Used(context.Context, mail.Account, string) {}

// newServedBox makes a box, empty or at work. Its disk is "plain", "encrypted" with a TPM, or "" where nobody says.
func newServedBox(t *testing.T, people bool, disk string) servedBox {
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	screen := servedWayBack{claim.New(nil)}
	b := newBox(t, func(o *Options) {
		office := o.Box.(*office)
		office.slow = 1500 * time.Millisecond // long enough to see the page that waits
		o.Pages, o.Clock, o.TLS = nil, time.Now, office.tls()
		o.Trusted = func(netip.Addr) bool { return true }
		o.Uplink, o.DNS = servedUplink{}, &servedZone{}
		switch disk {
		case "plain":
			o.Encryption = &testEncryption{}
		case "encrypted":
			o.Encryption = &testEncryption{state: EncryptionState{Encrypted: true, Cipher: "aes-256", TPM: true, HasTPM: true}}
		}
		o.SecondFactors = &fakeFactors{texts: map[mail.AccountID]string{}}
		seen := &appBook{}
		o.AppPasswords, o.Devices = seen, seen
		o.Passkeys = &keyBook{keys: map[mail.AccountID][]mail.Passkey{}, at: o.Accounts}
		o.Names = append(o.Names, "localhost")
		o.Ports = Ports{}.orStandard()
		o.Ports.HTTPS = secure.Addr().(*net.TCPAddr).Port
		if people {
			serveOffice(t, o)
			o.WayBack = screen
		}
	})
	if people {
		b.fill(t)
	}
	go func() { _ = b.Serve(secure, Secure) }()
	go func() { _ = b.Serve(plain, Plain) }()
	code := b.claim
	if people {
		code = screen.code
	}
	return servedBox{URL: "https://" + secure.Addr().String(), Plain: "http://" + plain.Addr().String(), Code: code.String()}
}

// fill makes an office that is at work already.
func (b *box) fill(t *testing.T) {
	o := b.office
	o.slow = 0
	b.want(b.do("POST", "/api/setup", documentJSON, "Authorization", "Claim "+b.claim.String()), http.StatusOK, "")
	for i, name := range []string{"Ben Marku", "Clara Weiß", "Dritan Hoxha", "Elena Popescu", "Filip Jovanović", "Giulia Rossi"} {
		a := mail.Address{Local: string(rune('b'+i)) + ".person", Domain: "example.test"}
		if err := o.add(a, name, "long and new one", mail.RoleUser); err != nil {
			t.Fatal(err)
		}
	}
}
