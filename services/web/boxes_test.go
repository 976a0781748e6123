package web

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
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
		if err := json.NewEncoder(w).Encode(newServedBox(t, r.FormValue("people") != "")); err != nil {
			t.Error(err)
		}
	})
	go func() { _ = http.Serve(control, &mux) }()
	fmt.Printf("boxes: http://%s\n", control.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
}

type servedBox struct {
	URL   string `json:"url"`
	Plain string `json:"plain"`
	Code  string `json:"code"`
}

func newServedBox(t *testing.T, people bool) servedBox {
	secure, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	plain, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := newBox(t, func(o *Options) {
		office := o.Box.(*office)
		office.slow = 1500 * time.Millisecond // long enough to see the page that waits
		o.Pages, o.Clock, o.TLS = nil, time.Now, office.tls()
		o.Trusted = func(netip.Addr) bool { return true }
		o.Ports = Ports{}.orStandard()
		o.Ports.HTTPS = secure.Addr().(*net.TCPAddr).Port
	})
	if people {
		b.fill(t)
	}
	go func() { _ = b.Serve(secure, Secure) }()
	go func() { _ = b.Serve(plain, Plain) }()
	return servedBox{URL: "https://" + secure.Addr().String(), Plain: "http://" + plain.Addr().String(), Code: b.claim.String()}
}

// fill makes an office that is at work already.
func (b *box) fill(t *testing.T) {
	o := b.office
	o.slow = 0
	b.want(b.do("POST", "/api/setup", documentJSON, "Authorization", "Claim "+b.claim.String()), http.StatusOK, "")
	for i, name := range []string{"Ben Marku", "Clara Weiß", "Dritan Hoxha", "Elena Popescu", "Filip Jovanović", "Giulia Rossi"} {
		a := mail.Address{Local: string(rune('b'+i)) + ".person", Domain: "example.test"}
		if err := o.add(a, name, "long and new one", false); err != nil {
			t.Fatal(err)
		}
	}
}
