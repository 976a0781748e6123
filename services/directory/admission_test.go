package directory

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestGoldenAdmission: the record must be read for ever.
func TestGoldenAdmission(t *testing.T) {
	t.Parallel()
	s := replayGolden(t, replayGolden(t, emptyState(), "testdata/records-1.txt"), "testdata/records-34.txt")
	want := "{[10.1.0.0/16 2001:db8:2::/48] [{imap [0.0.0.0/0 ::/0]} {submission [203.0.113.64/26]}] true}"
	if got := fmt.Sprint(s.admission.value()); got != want {
		t.Errorf("admission %s; want %s", got, want)
	}
}

// TestAdmission: what was set holds after every start, and what would open too much, or
// is nothing, is refused.
func TestAdmission(t *testing.T) {
	t.Parallel()
	b := newOffice(t)
	ctx := t.Context()
	p := netip.MustParsePrefix
	set := mail.Admission{
		Office: []netip.Prefix{p("10.1.2.3/16"), p("10.1.0.0/16")}, Paths: true,
		Doors: []mail.Door{{Service: mail.ServiceIMAP, Networks: []netip.Prefix{p("0.0.0.0/0"), p("::/0")}}, {Service: mail.ServicePOP3}},
	}
	if err := b.SetAdmission(ctx, set); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []mail.Admission{
		{Office: []netip.Prefix{{}}}, {Office: []netip.Prefix{p("0.0.0.0/0")}}, {Office: []netip.Prefix{p("10.0.0.0/7")}}, {Office: []netip.Prefix{p("2000::/3")}},
		{Office: []netip.Prefix{p("::ffff:10.0.0.0/104")}},
		{Doors: []mail.Door{{Service: "https", Networks: []netip.Prefix{p("::/0")}}}},
		{Doors: []mail.Door{{Service: mail.ServiceIMAP, Networks: []netip.Prefix{p("10.0.0.0/8")}}, {Service: mail.ServiceIMAP}}},
	} {
		if _, ok := errors.AsType[*mail.RuleError](b.SetAdmission(ctx, wrong)); !ok {
			t.Errorf("%+v is taken", wrong)
		}
	}
	var many []netip.Prefix
	for i := range maxAdmitted + 1 {
		many = append(many, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i), 0, 0}), 24))
	}
	if err := b.SetAdmission(ctx, mail.Admission{Office: many}); !errors.Is(err, mail.ErrTooMany) {
		t.Errorf("too many: %v", err)
	}
	for range 2 {
		if got, want := fmt.Sprint(b.Admission()), "{[10.1.0.0/16] [{imap [0.0.0.0/0 ::/0]}] true}"; got != want {
			t.Errorf("admission %s; want %s", got, want)
		}
		b.check()
		b.stop()
		b.start()
	}
	if err := b.SetAdmission(ctx, mail.Admission{}); err != nil || fmt.Sprint(b.Admission()) != "{[] [] false}" {
		t.Errorf("taken back: %v, %+v", err, b.Admission())
	}
	b.check()
}
