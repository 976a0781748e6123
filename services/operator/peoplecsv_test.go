package operator

import (
	"strings"
	"testing"
)

// FuzzPeople: whatever a file has, a table is read or refused, with addresses that are some
// and passwords that are good enough.
func FuzzPeople(f *testing.F) {
	for _, seed := range []string{"address\na@b.test\n", "name;address;password\n\"Ray; Q\";q@b.test;maple-tram-quiet-window\n", "\uFEFFaddress,address\r\n\"\"\"", "address\n" + strings.Repeat("x,", 5000), ""} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		people, err := readPeople(text)
		if err != nil {
			return
		}
		for _, n := range people {
			if n.address.IsZero() || n.line < 2 || len(n.password) < 8 {
				t.Errorf("%+v", n)
			}
		}
	})
}
