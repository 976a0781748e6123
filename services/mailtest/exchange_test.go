package mailtest

import (
	"reflect"
	"testing"
)

func TestExchanges(t *testing.T) {
	t.Parallel()
	d, err := Parse("x", "S: hello\nC: a NOOP\n2C: b IDLE\n2S: + idling\nC8: \"b X\\r\\n\"\nS: ...\nS: /a (OK|NO) .*/\nS-\nwait 1s\nC+\nS8: \"one\\r\\ntwo\\r\\n\"\nC.\n2S.\n")
	if err != nil {
		t.Fatal(err)
	}
	want := []Exchange{
		{Line: 1, Conn: 1, Wants: []string{"hello"}, Patterns: []string{""}},
		{Line: 2, Conn: 1, Send: []byte("a NOOP\r\nb X\r\n"), Skips: true, Wants: []string{"/a (OK|NO) .*/"}, Patterns: []string{"a (OK|NO) .*"}},
		{Line: 3, Conn: 2, Send: []byte("b IDLE\r\n"), Wants: []string{"+ idling"}, Patterns: []string{""}, Ends: true},
		{Line: 10, Conn: 1, StartTLS: true, Wants: []string{"one", "two"}, Patterns: []string{"", ""}},
		{Line: 12, Conn: 1, Close: true},
	}
	got := d.Exchanges()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got\n%+v\nwant\n%+v", got, want)
	}
}
