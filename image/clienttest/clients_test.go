package clienttest

import (
	"testing"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// TestClients is a day in an office: every program sends and reads, side by side, each with an account of its own; then
// the box is switched off and on, and its plug is pulled.
func TestClients(t *testing.T) {
	t.Parallel()
	o := newOffice(t, vm.Options{})
	var m matrix
	defer func() { t.Logf("what was done with which program:\n%s", &m) }()
	programs := []struct {
		name string
		test func(*testing.T, *office, *matrix)
	}{
		{"swaks", testSwaks},
		{"curl", testCurlSends},
		{"msmtp", testMsmtp},
		{"openssl", testOpenSSL},
		{"curl reads", testCurlReads},
		{"mbsync", testMbsync},
		{"fetchmail", testFetchmail},
		{"mutt", func(t *testing.T, o *office, m *matrix) { testMutt(t, o, m, "mutt", o.newProgram(t)) }},
		{"neomutt", func(t *testing.T, o *office, m *matrix) { testMutt(t, o, m, "neomutt", o.inRoot(t, "clients")) }},
		{"getmail", testGetmail},
		{"offlineimap", testOfflineIMAP},
		{"in step", testInStep},
		{"alpine", testAlpine},
		{"thunderbird", testThunderbird},
		{"web", testWeb},
		{"boxctl", testBoxctl},
		{"refusals", testRefusals},
		{"bytes", testBytes},
	}
	t.Run("programs", func(t *testing.T) {
		for _, p := range programs {
			t.Run(p.name, func(t *testing.T) { p.test(t, o, &m) })
		}
	})
	t.Run("load", func(t *testing.T) { testLoad(t, o) })
	var before []string
	m.try(t, "box", "power off and on: every message as it was", func(t *testing.T) { before = testPowerOff(t, o) })
	m.try(t, "box", "plug pulled under load: nothing acknowledged is lost", func(t *testing.T) { testPlug(t, o, before) })
	t.Run("off", func(t *testing.T) { o.off(t) })
}
