package imapd

import (
	"fmt"
	"strings"
	"testing"
)

// TestUnauthenticateLeavesNothing: a connection may change hands as often as its
// client likes, the account's places are given back, and what is done to the
// sessions of who was there before does not touch it.
func TestUnauthenticateLeavesNothing(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	var said strings.Builder
	said.WriteString("S: /\\* OK .*/\n")
	for i := range maxStrangerCommands + 1 {
		fmt.Fprintf(&said, "C: a%d LOGIN alice@example.test secret\nS: /a%d OK .*/\nC: b%d UNAUTHENTICATE\nS: /b%d OK .*/\n", i, i, i, i)
	}
	b.runner().Run(t, "again and again", said.String())
	b.server.mu.Lock()
	left := len(b.server.accounts)
	b.server.mu.Unlock()
	if left != 0 {
		t.Errorf("%d accounts are held as logged in, want 0", left)
	}
	c := newModelClient(t, b, 1)
	c.do("UNAUTHENTICATE")
	b.server.Drop(alice)
	c.do("LOGIN alice@example.test secret")
}
