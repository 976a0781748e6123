package clienttest

import (
	"fmt"
	"slices"
	"testing"
)

// connections is how many senders there are when something is broken under load.
const connections = 8

// testPowerOff switches the box off and on: everything is there as it was. It returns what that is.
func testPowerOff(t *testing.T, o *office) []string {
	before := o.manifest(t)
	if len(before) < 60 { // twelve people with five folders each
		t.Fatalf("only %d lines to compare", len(before))
	}
	o.off(t)
	o.again(t)
	after := o.manifest(t)
	sameManifest(t, "after power off and on", before, after)
	t.Logf("%d folders and messages are as they were", len(before))
	return after
}

// cutAfter is how many messages are taken before the plug is pulled.
const cutAfter = 40

// testPlug pulls the plug while mail comes in: what was acknowledged is there afterwards, and so is all that was there
// before.
func testPlug(t *testing.T, o *office, before []string) {
	rounds := 1
	if long() {
		rounds = 5
	}
	for i := range rounds {
		pullPlug(t, o, fmt.Sprintf("plug %d", i))
	}
	after := o.manifest(t)
	for _, line := range before {
		if _, ok := slices.BinarySearch(after, line); !ok {
			t.Errorf("gone or changed by the power cut: %s", line)
		}
	}
}

// pullPlug sends, cuts, starts again, and looks for what was acknowledged.
func pullPlug(t *testing.T, o *office, name string) {
	t.Helper()
	l := &load{o: o, to: "swaks", name: name}
	ended := make(chan error, connections)
	for range connections {
		go func() { ended <- l.run() }()
	}
	eventually(t, "messages are taken", func() bool { return l.acknowledged() >= cutAfter })
	o.cut()
	for range connections {
		if err := <-ended; err == nil {
			t.Error("a sender noticed nothing")
		}
	}
	o.again(t)
	l.allThere(t, connections)
}
