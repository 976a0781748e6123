package directory

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal"
)

// TestDescribeHidesSecrets shows every record that the first version wrote.
func TestDescribeHidesSecrets(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/records-1.txt")
	if err != nil {
		t.Fatal(err)
	}
	hidden, accounts := 0, 0
	for line := range strings.Lines(string(text)) {
		var k, version uint8
		if _, err := fmt.Sscan(line, &k, &version); err != nil {
			t.Fatal(err)
		}
		_, payload, _ := strings.Cut(line, " ")
		_, payload, _ = strings.Cut(payload, " ")
		d, err := Describe(journal.Record{Type: k, Payload: append([]byte{version}, payload...)})
		if err != nil || strings.HasPrefix(d.Verb, "kind") {
			t.Errorf("Describe(%.40q) = %s, %v", line, d, err)
		}
		accounts += len(d.Accounts)
		hidden += strings.Count(d.String(), secret)
		for _, key := range []string{"credential", "password", "hash"} {
			for _, part := range strings.Split(d.String(), `"`+key+`":`)[1:] {
				if !strings.HasPrefix(part, `"`+secret+`"`) {
					t.Errorf("%s shows a %s: %.60s", d.Verb, key, part)
				}
			}
		}
	}
	if hidden < 5 || accounts < 3 {
		t.Errorf("%d secrets hidden, %d accounts told; the test would prove nothing", hidden, accounts)
	}
	if d, err := Describe(journal.Record{Type: 99, Payload: []byte(`1{"secret":"x"}`)}); err == nil || len(d.Content) != 0 {
		t.Errorf("a record of a later version shows %s, %v; want nothing of it", d, err)
	}
}

// TestDescribeRestore: who came back under another address is found by it.
func TestDescribeRestore(t *testing.T) {
	t.Parallel()
	d, err := Describe(journal.Record{Type: uint8(kindRestore), Payload: []byte("\x01" + `{"id":3,"local":"anna.b","domain":"example.test","credential":"c2VjcmV0"}`)})
	if err != nil || d.Verb != "restore account" || d.Accounts[3].String() != "anna.b@example.test" || strings.Contains(d.String(), "c2Vj") {
		t.Errorf("Describe = %s, %v, of %v", d, err, d.Accounts)
	}
}
