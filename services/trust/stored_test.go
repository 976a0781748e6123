package trust

import (
	"fmt"
	"strings"
	"testing"
)

// TestStored: only what this box wrote above its own Received field counts.
func TestStored(t *testing.T) {
	t.Parallel()
	const ours = "Return-Path: <a@far.test>\r\nDelivered-To: b@example.test\r\nAuthentication-Results: box.example.test;\r\n\tiprev=pass\r\n\t policy.iprev=192.0.2.1\r\n\t policy.ptr=mx.far.test;\r\n\tspf=fail\r\n\t reason=\"The server may not\"\r\n\t smtp.mailfrom=a@far.test;\r\n\tdkim=none;\r\n\tdmarc=pass\r\n\t header.from=far.test\r\n"
	const received = "Received: from mx.far.test ([192.0.2.1])\r\n\tby box.example.test with ESMTP id 1; now\r\n"
	const forged = "Authentication-Results: box.example.test; dmarc=pass header.from=bank.test\r\n"
	for _, test := range []struct{ name, text, want string }{
		{"judged", ours + received + forged + "\r\n", "iprev=pass It came from mx.far.test (192.0.2.1), spf=fail The server may not, dkim=none It is not signed, dmarc=pass It is proven to come from far.test"},
		{"not judged", "Return-Path: <>\r\n" + received + forged + "\r\n", ""},
		{"another's", strings.Replace(ours, "box.example.test", "mx.far.test", 1) + received + "\r\n", ""},
		{"put in by IMAP", forged + "Received: from x by y; now\r\n\r\n", ""},
		{"nothing", "\r\n", ""},
		{"cut", ours, ""},
	} {
		verdicts, judged, err := Stored(strings.NewReader(test.text), "box.example.test")
		var words []string
		for _, v := range verdicts {
			words = append(words, fmt.Sprintf("%s=%s %s", v.Method, v.Result, v.Reason))
		}
		if got := strings.Join(words, ", "); got != test.want || judged != (test.want != "") || err != nil {
			t.Errorf("%s: %q, %v, %v; want %q", test.name, got, judged, err, test.want)
		}
	}
}
