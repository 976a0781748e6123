package office

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// TestBinaryIsSigned: what somebody of the office hands in in binary is text when it is signed, and leaves as it was
// signed, with the same bytes in it.
func TestBinaryIsSigned(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	o := startOffice(t, t.TempDir(), reach)
	o.setUpNow(t, 0)
	c, err := tls.Dial("tcp", o.addrs["submissions"], insecure())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	in := bufio.NewReader(c)
	say := func(text, want string) {
		t.Helper()
		if _, err := fmt.Fprint(c, text); err != nil {
			t.Fatal(err)
		}
		for {
			line, err := in.ReadString('\n')
			if err != nil || !strings.HasPrefix(line, want) {
				t.Fatalf("%.40q is answered with %q, %v; want %s", text, line, err, want)
			}
			if line[3] != '-' {
				return
			}
		}
	}
	const odd = "\x00\r\x01\n\xff"
	message := "From: alice@" + testDomain + "\r\nTo: bob@far.test\r\nSubject: binary\r\nContent-Type: application/octet-stream\r\n" +
		"Content-Transfer-Encoding: binary\r\n\r\n" + strings.Repeat(odd, 40)
	say("", "220")
	say("EHLO client.test\r\n", "250")
	say("AUTH PLAIN "+base64.StdEncoding.EncodeToString([]byte("\x00alice@"+testDomain+"\x00"+testPassword))+"\r\n", "235")
	say("MAIL FROM:<alice@"+testDomain+"> BODY=BINARYMIME\r\n", "250")
	say("RCPT TO:<bob@far.test>\r\n", "250")
	say(fmt.Sprintf("BDAT %d LAST\r\n%s", len(message), message), "250 2.0.0 Stored")
	eventually(t, "the message has gone", func() bool {
		far.mu.Lock()
		defer far.mu.Unlock()
		return len(far.got) == 1
	})
	text := far.got[0]
	signedBy(t, o, far.world, text, testDomain)
	head, body, _ := strings.Cut(text, "\r\n\r\n")
	if strings.Contains(strings.ToLower(head), "encoding: binary") {
		t.Errorf("it leaves in binary:\n%s", head)
	}
	raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(body, "\r\n", ""))
	if err != nil || string(raw) != strings.Repeat(odd, 40) {
		t.Errorf("the other server gets %q, %v; want the bytes that were handed in", raw, err)
	}
}
