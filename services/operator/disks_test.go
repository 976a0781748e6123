package operator

import (
	"bytes"
	"encoding/json"
	"testing"
)

// TestDisks: the own disk is told with how it is, as far as it tells; what a disk is called
// moves no cursor.
func TestDisks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"device":"sda","model":"Good","serial":"7","bytes":2000000000,"own":true,"total":1000,"free":999,"health":{"failing":false,"worn":3,"celsius":-1},"findings":[]}`: "Good, 2.0 GB, serial number 7, sda, the box's own\n  999 bytes of 1.0 kB are free\n  It is well\n  3 % of what it can be written is used\n",
		`{"device":"sda","bytes":5,"own":true,"findings":[]}`: "sda, 5 bytes, sda, the box's own\n  It doesn't say how it is\n",
		`{"device":"sda","bytes":5,"own":true,"health":{"failing":true,"worn":-1,"celsius":40},"findings":[{"what":"It fails.","what_to_do":"Replace it."}]}`: "sda, 5 bytes, sda, the box's own\n  It has 40 °C\n  It fails. Replace it.\n",
	} {
		var d seenDisk
		if err := json.Unmarshal([]byte(text), &d); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		d.write(&task{Streams: Streams{Out: &out}})
		if out.String() != want {
			t.Errorf("%s:\n%q; want\n%q", text, out.String(), want)
		}
	}
	var out bytes.Buffer
	d := seenDisk{Device: "sdb", Model: "\x1b[2JStick\r\n", Bytes: 1}
	d.write(&task{Streams: Streams{Out: &out}})
	if n := bytes.Count(out.Bytes(), []byte("\n")); n != 1 || bytes.ContainsAny(out.Bytes(), "\r\x1b") {
		t.Errorf("%q", out.String())
	}
}
