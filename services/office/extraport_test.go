package office

import (
	"encoding/json"
	"net"
	"strconv"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// TestExtraPort: what is set up as a further port for submission takes mail as
// 587 does, and is free again behind the office's end.
func TestExtraPort(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	_, port, _ := net.SplitHostPort(addr)
	data := t.TempDir()
	first := startOffice(t, data)
	var text map[string]any
	if err := json.Unmarshal(document(t, 0), &text); err != nil {
		t.Fatal(err)
	}
	if text["submission_extra_port"], err = strconv.Atoi(port); err != nil {
		t.Fatal(err)
	}
	changed, err := json.Marshal(text)
	if err != nil {
		t.Fatal(err)
	}
	if err := first.SetUpFromFile(t.Context(), changed); err != nil {
		t.Fatal(err)
	}
	if err := first.stop(); err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	o := startOffice(t, data)
	var c *smtp.Client
	for begun := time.Now(); ; time.Sleep(10 * time.Millisecond) { // Serve has just begun
		if c, err = smtp.DialStartTLS(addr, insecure()); err == nil {
			break
		}
		if time.Since(begun) > time.Minute {
			t.Fatalf("the extra port: %v", err)
		}
	}
	if err := c.Mail("alice@"+testDomain, nil); err == nil {
		t.Error("MAIL is taken without a log-in; want it refused as on port 587")
	}
	if err := c.Auth(sasl.NewPlainClient("", "alice@"+testDomain, testPassword)); err != nil {
		t.Errorf("log in at the extra port: %v", err)
	}
	c.Close()
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	again, err := net.Listen("tcp", addr)
	if err != nil {
		t.Fatalf("the port is still taken behind the office's end: %v", err)
	}
	again.Close()
}
