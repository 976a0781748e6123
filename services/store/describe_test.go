package store

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
)

// TestDescribe holds that everything that can stand in a record has words.
func TestDescribe(t *testing.T) {
	t.Parallel()
	d, err := Describe(journal.Record{Type: uint8(verbMove), Payload: everything().encode()})
	if err != nil || len(d.Accounts) != 2 || d.Verb != "move" {
		t.Fatalf("Describe = %+v, %v", d, err)
	}
	for _, o := range d.Accounts[0].Ops {
		if o.Other != "" || strings.HasPrefix(o.Op, "op ") {
			t.Errorf("%+v has no words of its own", o)
		}
	}
	const want = `add m1 uid 2 flags (\Seen k) e3 t4 body 00000005/6 7 bytes received `
	if text := d.String(); !strings.Contains(text, want) || !strings.Contains(text, "; copy from m1 m2 uid 1:3,7,4294967295 from uid 9 on; remove m1 uid ") || strings.Contains(text, "\n") {
		t.Errorf("got %s; want %s in it", text, want)
	}
	if _, err := json.Marshal(d); err != nil {
		t.Error(err)
	}
	for v := verbAccountCreate; v <= verbRestoreAccount; v++ {
		if strings.HasPrefix(v.String(), "verb") {
			t.Errorf("verb %d has no name", v)
		}
	}
	if d, err := Describe(journal.Record{Type: 200, Payload: []byte{99}}); err == nil || d.Verb != "verb 200" {
		t.Errorf("a record of a later version: %+v, %v; want its number and an error", d, err)
	}
}
