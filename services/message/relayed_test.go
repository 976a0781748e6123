package message

import (
	"testing"
)

func TestReceivedFrom(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ value, helo, addr string }{
		{"from mail.far.test (mail.far.test [192.0.2.1]) by mx2.example.test (Postfix) with ESMTPS id 1; Sun", "mail.far.test", "192.0.2.1"},
		{"from mail.far.test (unknown [IPv6:2001:db8::1])\r\n\tby mx2.example.test", "mail.far.test", "2001:db8::1"},
		{"from [192.0.2.1] (helo=mail.far.test)\r\n\tby mx2.example.test with esmtp (Exim 4.96)", "mail.far.test", "192.0.2.1"},
		{"from host.far.test ([192.0.2.1] helo=mail.far.test) by mx2", "mail.far.test", "192.0.2.1"},
		{"from mail.far.test (host.far.test [192.0.2.1]) by mx2.example.test (OpenSMTPD) with ESMTP id x for <a@b>;", "mail.far.test", "192.0.2.1"},
		{"from mail.far.test ([192.0.2.1]) by box.example.test with ESMTPS (TLS 1.3) id 3", "mail.far.test", "192.0.2.1"},
		{"from MAIL.far.test (192.0.2.1) by EX.example.test (10.0.0.1) with Microsoft SMTP Server", "MAIL.far.test", "192.0.2.1"},
		{"from x (mail.far.test. [192.0.2.1]) (authenticated bits=0) by mx2", "x", "192.0.2.1"},
		{"From a (b [::ffff:192.0.2.1]) BY c", "a", "192.0.2.1"},
		{"from [203.0.113.5] (mail.far.test [192.0.2.1]) by mx2", "[203.0.113.5]", "192.0.2.1"}, // what it called itself is not its address
		{"from [203.0.113.5] by mx2", "[203.0.113.5]", ""},
		{"from localhost by mx2 (mx2 [192.0.2.9])", "localhost", ""},
		{"by mx2 with LMTP", "", ""},
		{"from", "", ""},
		{"from (((", "", ""},
		{"", "", ""},
	} {
		helo, addr, ok := ReceivedFrom(test.value)
		got := ""
		if ok {
			got = addr.String()
		}
		if got != test.addr || ok != (test.addr != "") || helo != test.helo {
			t.Errorf("%q: %q %q; want %q %q", test.value, helo, got, test.helo, test.addr)
		}
	}
}

func FuzzReceivedFrom(f *testing.F) {
	f.Add("from mail.far.test (mail.far.test [192.0.2.1]) by mx2 (Postfix) with ESMTPS id 1; Sun")
	f.Add("from [192.0.2.1] (helo=(x\\)) by y")
	f.Fuzz(func(t *testing.T, value string) {
		if _, addr, ok := ReceivedFrom(value); ok != addr.IsValid() {
			t.Errorf("%q: %v, %v", value, addr, ok)
		}
	})
}
