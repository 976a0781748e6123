package boot

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sanduk-mail/sanduk/platform/console"
	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/platform/logbook"
)

// TestNetworkWith: the console changes what it asks for and leaves the rest.
func TestNetworkWith(t *testing.T) {
	t.Parallel()
	static := console.Network{Static: true, Address: "192.168.1.20/24", Gateway: "192.168.1.1", DNS: []string{"192.168.1.1"}}
	for name, tt := range map[string]struct {
		before string
		n      console.Network
		want   string
		field  string // of the refusal
	}{
		"first":               {`{"mode":"dhcp"}`, static, `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1"]}`, ""},
		"back to DHCP":        {`{"mode":"static","address":"10.0.0.2/8","gateway":"10.0.0.1","address6":"2001:db8::2/64","ntp":["ntp.example.test"],"interface":"eth1"}`, console.Network{VLAN: 7}, `{"mode":"dhcp","vlan":7,"ntp":["ntp.example.test"],"interface":"eth1"}`, ""},
		"same servers":        {`{"mode":"dhcp","dns":["192.168.1.1"],"dns_tls":"dns.example.test"}`, static, `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1"],"dns_tls":"dns.example.test"}`, ""},
		"other servers":       {`{"mode":"dhcp","dns":["9.9.9.9"],"dns_tls":"dns.quad9.net"}`, static, `{"mode":"static","address":"192.168.1.20/24","gateway":"192.168.1.1","dns":["192.168.1.1"]}`, ""},
		"no router":           {`{"mode":"static","address":"10.0.0.2/8","gateway":"10.0.0.1"}`, console.Network{Static: true, Address: "10.0.0.3/8"}, `{"mode":"static","address":"10.0.0.3/8"}`, ""},
		"damaged before":      {`{"mode":`, console.Network{}, `{"mode":"dhcp"}`, ""},
		"no length":           {`{}`, console.Network{Static: true, Address: "192.168.1.20"}, "", "address"},
		"nothing":             {`{}`, console.Network{Static: true}, "", "address"},
		"router elsewhere":    {`{}`, console.Network{Static: true, Address: "192.168.1.20/24", Gateway: "10.0.0.1"}, "", "gateway"},
		"name for a server":   {`{}`, console.Network{DNS: []string{"dns.example.test"}}, "", "dns"},
		"VLAN of nobody":      {`{}`, console.Network{VLAN: 4095}, "", "vlan"},
		"VLAN less than none": {`{}`, console.Network{VLAN: -1}, "", "vlan"},
	} {
		got, err := networkWith(json.RawMessage(tt.before), tt.n)
		if tt.field != "" {
			if r, ok := errors.AsType[*console.Refusal](refusal(err)); !ok || r.Field != tt.field || r.Text == "" {
				t.Errorf("%s: %v, want a refusal of %s", name, err, tt.field)
			}
			continue
		}
		var g, w map[string]any
		if err := errors.Join(err, json.Unmarshal([]byte(tt.want), &w)); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err := json.Unmarshal(got, &g); err != nil || !reflect.DeepEqual(g, w) {
			t.Errorf("%s: %s, %v; want %s", name, got, err, tt.want)
		}
	}
}

// TestErrands: an errand goes to whoever asked last, and its result to who wanted it.
func TestErrands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newErrands()
		if _, err := e.run(t.Context(), control.ErrandSupport); !errors.Is(err, errNobody) {
			t.Errorf("with no mail service: %v, want errNobody", err)
		}
		next := func() control.Errand {
			got, err := e.verbNext(t.Context(), nil)
			if err != nil {
				t.Error(err)
			}
			return got.(control.Errand)
		}
		before := time.Now()
		if got := next(); got.Kind != control.ErrandNone || time.Since(before) != control.ErrandWait {
			t.Errorf("nothing to do: %+v after %v", got, time.Since(before))
		}
		stale := make(chan control.Errand, 1)
		go func() { stale <- next() }()
		synctest.Wait()
		result := make(chan control.ErrandResult, 1)
		go func() {
			r, err := e.run(t.Context(), control.ErrandSupport)
			if err != nil {
				t.Error(err)
			}
			result <- r
		}()
		// The one who waited took it; it is killed, and says nothing.
		if got := <-stale; got.Kind != control.ErrandSupport {
			t.Errorf("got %+v, want the errand", got)
		} else {
			done, err := json.Marshal(control.ErrandResult{ID: got.ID, Problem: "why not"})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := e.verbDone(t.Context(), done); err != nil {
				t.Error(err)
			}
			if _, err := e.verbDone(t.Context(), done); err == nil {
				t.Error("a result was taken twice")
			}
		}
		if r := <-result; r.Problem != "why not" {
			t.Errorf("result %+v", r)
		}
		go func() { stale <- next() }()
		synctest.Wait()
		go func() { next() }()
		if got := <-stale; got.Kind != control.ErrandNone {
			t.Errorf("who was replaced got %+v, want nothing", got)
		}
		synctest.Wait()
	})
}

// TestErrandNobodyEnds: a service that takes an errand and dies holds nobody up for ever.
func TestErrandNobodyEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newErrands()
		go func() { _, _ = e.verbNext(t.Context(), nil) }()
		synctest.Wait()
		if _, err := e.run(t.Context(), control.ErrandSupport); !errors.Is(err, errNobody) {
			t.Errorf("%v, want errNobody", err)
		}
	})
}

// TestOwnBundle: without mail service, disk, or even a finished start there is a bundle
// all the same, and the keys for it.
func TestOwnBundle(t *testing.T) {
	t.Parallel()
	m := &Machine{log: slog.New(slog.DiscardHandler), errands: newErrands(), updates: &updates{}, book: logbook.New()}
	m.updates.m = m
	if keys := m.keys(); !slices.Equal(keys, []console.Key{console.KeyRestart, console.KeyPowerOff, console.KeySupport, console.KeyReset}) {
		t.Errorf("keys without a data disk: %v", keys)
	}
	text, err := m.ownBundle(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range z.File {
		names = append(names, f.Name)
	}
	if !slices.Equal(names, []string{"README.txt", "status.json", "kernel.txt", "log.jsonl"}) {
		t.Errorf("files %q", names)
	}
}
