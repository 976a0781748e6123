package smtpd

import (
	"strings"
	"testing"
)

// TestBinary: what comes in binary is stored as text, from which the same bytes can be had; what can't be made text is
// refused in words, and nothing of it is taken for commands.
func TestBinary(t *testing.T) {
	t.Parallel()
	s := newTestServer(t)
	c := dial(t, s.listen(t, Mode{}))
	c.expect("220")
	begin := "C: MAIL FROM:<b@c.test> BODY=BINARYMIME\nS: 250\nC: RCPT TO:<alice@example.test>\nS: 250"
	c.dialogue("C: EHLO client.test\nS: 250-\n" + begin + "\nC: DATA\nS: 503 5.5.1 A message in binary comes by BDAT")
	part := "--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n"
	head := "Content-Type: multipart/mixed; boundary=b\r\n\r\n"
	c.send(chunk(head+part+"\x00\r\n.\r\nQUIT\r\n\r", false) + chunk("\xff\r\n--b--\r\n", true))
	c.expect("250 2.0.0")
	c.expect("250 2.0.0 Stored")
	c.dialogue(begin)
	c.send(chunk("Subject: in fact text\r\n\r\nhello\r\n", true))
	c.expect("250 2.0.0 Stored")
	for name, r := range map[string]struct{ text, want string }{
		"a line end of its own in text":                   {"Subject: x\r\n\r\na\nb\r\n", "554 5.6.0 The message holds an LF without its CR"},
		"a NUL beside a binary part":                      {head + "--b\r\n\r\n\x00\r\n" + part + "x\r\n--b--\r\n", "554 5.6.0 The message holds a NUL byte"},
		"a line end of its own in a binary part's header": {"Subject: x\nFrom: ceo@example.test\r\nContent-Transfer-Encoding: binary\r\n\r\nx", "554 5.6.0 The message holds an LF without its CR"},
		"a signed part":                                   {"Content-Type: multipart/signed; boundary=b\r\n\r\n" + part + "x\r\n--b--\r\n", "554 5.6.0 The message has a signed part in binary"},
		"a part that has no inside":                       {"Content-Type: multipart/mixed\r\nContent-Transfer-Encoding: binary\r\n\r\nx\r\n", "554 5.6.0 The message has a part in binary that"},
		"too large once it is text":                       {"Content-Transfer-Encoding: binary\r\n\r\n" + strings.Repeat("x", testMaxSize-100), "552 5.3.4"},
	} {
		c.dialogue(begin)
		c.send(chunk(r.text, true))
		if got, err := c.reply(); err != nil || !strings.HasPrefix(got, r.want) {
			t.Errorf("%s: %q, %v, want %q…", name, got, err, r.want)
		}
	}
	c.dialogue("C: NOOP\nS: 250")
	s.wantMessages(t,
		head+"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\nAA0KLg0KUVVJVA0KDf8=\r\n--b--\r\n",
		"Subject: in fact text\r\n\r\nhello\r\n")
}
