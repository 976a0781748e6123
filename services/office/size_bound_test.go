package office

import (
	"strings"
	"testing"
)

// TestSizeAndTrace: what the administrator sets about sizes and Received holds for the
// next message, without a start.
func TestSizeAndTrace(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	bob := "bob@" + testDomain
	if err := o.submit(t, bob, "Subject: shown\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	admin := o.api(t, "admin")
	admin.do("PUT", "/api/received", map[string]any{"hide_clients": true}, nil)
	admin.do("PUT", "/api/sizes", map[string]any{"who": bob, "bytes": 64 << 10}, nil)
	if err := o.submit(t, bob, "Subject: hidden\r\n\r\nx\r\n"); err != nil {
		t.Fatal(err)
	}
	if err := o.submit(t, bob, "Subject: large\r\n\r\n"+strings.Repeat("0123456789\r\n", 6000)); err == nil || !strings.Contains(err.Error(), "takes messages of 65536 bytes at most") {
		t.Errorf("a large one: %v", err)
	}
	inbox := o.fetch(t, "bob")
	if len(inbox) != 2 {
		t.Fatalf("bob has %q", inbox)
	}
	for i, want := range []bool{true, false} {
		if got := strings.Contains(inbox[i], "[127.0.0.1]"); got != want {
			t.Errorf("the client's address is there: %v; want %v: %s", got, want, inbox[i])
		}
	}
}
