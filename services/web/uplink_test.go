package web

import (
	"context"
	"net/http"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/uplink"
)

// fakeUplink has found something, and counts how often it was asked.
type fakeUplink struct {
	looks  *int
	domain *string
}

func (u fakeUplink) Find(_ context.Context, domain string) uplink.Findings {
	*u.looks++
	*u.domain = domain
	return uplink.Findings{
		Internet: true, Local: []netip.Addr{netip.MustParseAddr("192.168.1.20")}, Public: netip.MustParseAddr("203.0.113.5"), Line: uplink.LineRouter,
		Sending: uplink.PortOpen, Name: "5.static.example.net", Named: true, Today: []string{"mx.provider.test"}, Advice: uplink.Direct,
	}
}

func TestFindings(t *testing.T) {
	t.Parallel()
	looks, asked := 0, ""
	b := newBox(t, func(o *Options) { o.Uplink = fakeUplink{&looks, &asked} })
	right := []string{"Authorization", "Claim " + b.claim.String()}
	b.want(b.do("POST", "/api/setup/findings", `{"domain":"example.test"}`), http.StatusForbidden, "code")
	b.want(b.do("POST", "/api/setup/findings", `{"domain":"a b"}`, right...), http.StatusBadRequest, "domain")
	if looks != 0 {
		t.Fatalf("the box looked %d times for those who may not ask", looks)
	}
	got := b.want(b.do("POST", "/api/setup/findings", `{"domain":"Example.Test"}`, right...), http.StatusOK, "")
	if got["advice"] != "direct" || got["public"] != "203.0.113.5" || got["sending"] != "open" || asked != "example.test" {
		t.Errorf("got %v, asked for %q", got, asked)
	}
	b.want(b.do("POST", "/api/setup/findings", `{"domain":""}`, right...), http.StatusOK, "")
	b.want(b.do("POST", "/api/setup", documentJSON, right...), http.StatusOK, "")
	b.want(b.do("POST", "/api/setup/findings", `{"domain":"example.test"}`, right...), http.StatusConflict, "")
	if looks != 2 {
		t.Errorf("the box looked %d times; want 2", looks)
	}
}
