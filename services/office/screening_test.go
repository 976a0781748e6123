package office

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
	"github.com/sanduk-mail/sanduk/services/web"
)

// TestContentRules: a rule refuses, takes out, or has a message wait; what waits is
// released or dropped, survives a restart, and who has to know is told.
func TestContentRules(t *testing.T) {
	t.Parallel()
	far, reach := newFar(t)
	data := t.TempDir()
	start := func() *testOffice { return startOffice(t, data, reach) }
	o := start()
	o.setUpNow(t, 0)
	admin := o.api(t, "admin")
	admin.do("PUT", "/api/domains/"+testDomain+"/content", map[string]any{"rules": []map[string]any{
		{"name": "Kartënumra", "out": true, "text": true, "ready": []string{"card"}, "action": "redact"},
		{"name": "Salaries", "out": true, "internal": true, "words": []string{"salary list"}, "action": "refuse"},
		{"name": "Contracts", "out": true, "in": true, "words": []string{"contract"}, "action": "hold", "unreadable": "hold"},
	}}, nil)
	submit := func(to, text, want string) {
		t.Helper()
		err := o.submit(t, to, text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%q: submit = %v; want %q", text, err, want)
		}
	}
	got := func() string {
		far.mu.Lock()
		defer far.mu.Unlock()
		return strings.Join(far.got, "\n")
	}
	const secret = "my card is 4111 1111 1111 1111\r\n"
	submit("bob@far.test", "Subject: 1\r\n\r\nthe Salary  List\r\n", `The rule "Salaries" of example.test does not let this message through. It is about what is in the text`)
	submit("bob@"+testDomain, "Subject: 2\r\n\r\n"+secret, "") // inside it may be said
	submit("bob@far.test", "Subject: 3\r\n\r\n"+secret, "")
	eventually(t, "the redacted message is there", func() bool { return strings.Contains(got(), "Subject: 3\r\n") })
	if text := got(); strings.Contains(text, "4111") || !strings.Contains(text, "my card is [removed]\r\n") || !strings.Contains(text, "DKIM-Signature: ") {
		t.Errorf("far got %q", text)
	}
	submit("bob@far.test", "Subject: 4\r\nContent-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n"+secret+"--b--\r\n", "")
	submit("bob@far.test", "Subject: 5\r\n\r\nthe contract\r\n", "")
	submit("bob@far.test", "Subject: 7\r\nContent-Type: application/msword; name=\"pay list.doc\"\r\nContent-Transfer-Encoding: base64\r\n\r\n0M8R4KGxGuE=\r\n", "")
	submit("bob@far.test", "Subject: 6\r\n\r\nanother contract\r\n", "")
	if err := o.stop(); err != nil {
		t.Fatal(err)
	}
	o = start()
	admin = o.api(t, "admin")
	var list struct {
		Held []struct{ ID, Why string }
		More bool
	}
	admin.do("GET", "/api/held", nil, &list)
	if len(list.Held) != 4 || list.More || !strings.Contains(list.Held[0].Why, "signed or encrypted") || list.Held[1].Why != "Rule “Contracts” of example.test: what is in the text" ||
		list.Held[2].Why != "The rules of example.test could not be applied to all of it: what is attached can't be read (pay list.doc), and the rule “Contracts” has such mail wait" {
		t.Fatalf("held: %+v", list)
	}
	if text := got(); strings.Contains(text, "contract") || strings.Contains(text, "Subject: 4") {
		t.Errorf("far got what is held: %q", text)
	}
	admin.do("POST", "/api/held/"+list.Held[1].ID+"/release", nil, nil)
	admin.do("DELETE", "/api/held/"+list.Held[3].ID, nil, nil)
	eventually(t, "the released message is there", func() bool { return strings.Contains(got(), "the contract\r\n") })
	if text := got(); strings.Contains(text, "another contract") || strings.Count(text, "Subject: 5") != 1 {
		t.Errorf("far got %q", text)
	}
	admin.do("GET", "/api/held", nil, &list)
	if len(list.Held) != 2 {
		t.Errorf("held: %+v", list)
	}
	eventually(t, "alice has been told of what is dropped", func() bool {
		all := strings.Join(o.fetch(t, "alice"), "\n")
		return strings.Count(all, "Subject: Your message waits for a decision\r\n") > 0 && strings.Count(all, "Action: failed\r\nStatus: 5.7.1\r\n") == 1 && strings.Contains(all, "has decided that the message")
	})
}

// TestContentEvaded: more parts than are looked at, or the name of another domain of the
// office, are no way around the rules.
func TestContentEvaded(t *testing.T) {
	t.Parallel()
	world := resolvertest.New(t, map[string]string{"far.test.": "@ IN MX 10 mx\nmx IN A 127.0.0.10\n"})
	o := startOffice(t, t.TempDir(), func(options *Options) {
		options.DNS, options.Outgoing = world.Client(), Outgoing{DNS: world.Client(), Port: 9}
	})
	o.setUpNow(t, 0)
	const second = "second.test"
	if err := o.directory.SetDomain(t.Context(), mail.Domain{Name: second}); err != nil {
		t.Fatal(err)
	}
	alice, err := o.directory.Look(t.Context(), mail.Address{Local: "alice", Domain: testDomain})
	if err != nil {
		t.Fatal(err)
	}
	desk := mail.Listing{Kind: mail.ListingShared, Address: mail.Address{Local: "desk", Domain: second}, Members: []mail.Member{{Account: alice.Account}}}
	if _, err := o.directory.SetListing(t.Context(), desk); err != nil {
		t.Fatal(err)
	}
	for domain, rule := range map[string]mail.ContentRule{
		testDomain: {Name: "Plans", Out: true, Text: true, Words: []string{"plan"}, Action: mail.ContentRefuse},
		second:     {Name: "Prices", Internal: true, Text: true, Words: []string{"price"}, Action: mail.ContentRefuse},
	} {
		if err := o.directory.SetContent(t.Context(), domain, []mail.ContentRule{rule}); err != nil {
			t.Fatal(err)
		}
	}
	bob := "bob@" + testDomain
	if err := o.submit(t, bob, "Subject: 1\r\n\r\nthe price\r\n"); err != nil {
		t.Errorf("in her own name: %v", err)
	}
	if err := o.submit(t, bob, "From: desk@second.test\r\nSubject: 2\r\n\r\nthe price\r\n"); err == nil || !strings.Contains(err.Error(), "Prices") {
		t.Errorf("in the other domain's name: %v; want it refused by that domain's rule", err)
	}
	parts := strings.Repeat("--b\r\n\r\nnothing\r\n", 250) + "--b\r\n\r\nthe plan\r\n--b--\r\n"
	if err := o.submit(t, "x@far.test", "Subject: 3\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"+parts); err != nil {
		t.Errorf("of many parts: %v", err)
	}
	list, _, err := heldMail{o.Office}.Held(t.Context(), mail.ID{})
	if err != nil || len(list) != 1 || !strings.Contains(list[0].Why, "could not be applied to all of it") {
		t.Errorf("held %+v, %v; want the one of many parts", list, err)
	}
}

// TestContentIn: a stranger's message waits, comes to its mailbox when it is released,
// and keeps what was known of it.
func TestContentIn(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	rules := []mail.ContentRule{{Name: "Invoices", In: true, Names: true, Pattern: `\.js$`, Action: mail.ContentHold}}
	if err := o.directory.SetContent(t.Context(), testDomain, rules); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("tcp", o.addrs["smtp"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fromAfar(t, conn, "Subject: pay\r\nContent-Type: text/plain; name=invoice.js\r\n\r\nx\r\n")
	h := heldMail{o.Office}
	list, _, err := h.Held(t.Context(), mail.ID{})
	if err != nil || len(list) != 1 || list[0].Inside || o.fetch(t, "bob") != nil {
		t.Fatalf("held %+v, %v; bob has %v", list, err, o.fetch(t, "bob"))
	}
	var text bytes.Buffer
	if err := h.Export(t.Context(), list[0].ID, &text); err != nil || !strings.Contains(text.String(), "Received: from far.test") {
		t.Errorf("Export = %v, %q", err, text.String())
	}
	if err := h.Release(t.Context(), list[0].ID); err != nil {
		t.Fatal(err)
	}
	if err := h.Release(t.Context(), list[0].ID); err == nil {
		t.Error("released twice")
	}
	inbox := o.fetch(t, "bob")
	if len(inbox) != 1 || !strings.Contains(inbox[0], "Received: from far.test") || !strings.Contains(inbox[0], "Return-Path: <eve@far.test>\r\nDelivered-To: bob@") {
		t.Errorf("bob has %q", inbox)
	}
}

// TestForeignResults: what a stranger says in the name of this box about his own message
// reaches nobody (RFC 8601 §5), however the field is written; others' results stay.
func TestForeignResults(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	conn, err := net.Dial("tcp", o.addrs["smtp"])
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const host = "mail." + testDomain
	fromAfar(t, conn, "Authentication-Results: other.test; spf=pass smtp.mailfrom=evil1.test\r\nSubject: hi\r\n"+
		"Authentication-Results: "+host+"; dmarc=pass header.from=evil2.test\r\n"+
		"authentication-results : (c)\r\n\t"+strings.ToUpper(host)+" 1;\r\n dkim=pass header.d=evil3.test\r\nTo: bob\r\n\r\nAuthentication-Results: "+host+"; in=text\r\n")
	inbox := o.fetch(t, "bob")
	if len(inbox) != 1 {
		t.Fatalf("bob has %q", inbox)
	}
	for text, want := range map[string]bool{"evil1": true, "evil2": false, "evil3": false, "Subject: hi\r\nTo: bob\r\n\r\nAuthentication-Results: " + host + "; in=text\r\n": true} {
		if strings.Contains(inbox[0], text) != want {
			t.Errorf("%q is there: %v; bob has %q", text, !want, inbox[0])
		}
	}
}

// fromAfar hands a message for bob in from another server.
func fromAfar(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	r := bufio.NewReader(conn)
	for _, step := range [][2]string{{"", "220"}, {"HELO far.test", "250"}, {"MAIL FROM:<eve@far.test>", "250"}, {"RCPT TO:<bob@" + testDomain + ">", "250"}, {"DATA", "354"}, {text + ".", "250"}} {
		if step[0] != "" {
			if _, err := conn.Write([]byte(step[0] + "\r\n")); err != nil {
				t.Fatal(err)
			}
		}
		line, err := r.ReadString('\n')
		if err != nil || !strings.HasPrefix(line, step[1]) {
			t.Fatalf("%q: %q, %v", step[0], line, err)
		}
	}
}

// TestContentTrial: what rules would have found in past mail, without a change.
func TestContentTrial(t *testing.T) {
	t.Parallel()
	o := startOffice(t, t.TempDir())
	o.setUpNow(t, 0)
	for _, text := range []string{"a 4111 1111 1111 1111", "b", "c DE89 3704 0044 0532 0130 00"} {
		if err := o.submit(t, "bob@"+testDomain, "Subject: "+text[:1]+"\r\n\r\n"+text+"\r\n"); err != nil {
			t.Fatal(err)
		}
	}
	a := o.api(t, "admin")
	body := `{"days":7,"rules":[{"name":"Private","in":true,"ready":["card","iban"],"action":"refuse"}]}`
	r, err := http.NewRequestWithContext(t.Context(), "POST", a.base+"/api/domains/"+testDomain+"/content/try", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	answer, err := a.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var samples []string
	var last struct {
		Example *struct {
			Subject string
			Found   []web.TrialMatch
		}
		Looked, Found int
		Done          bool
	}
	for d := json.NewDecoder(answer.Body); d.More(); {
		last.Example = nil
		if err := d.Decode(&last); err != nil {
			t.Fatal(err)
		}
		if last.Example != nil {
			samples = append(samples, last.Example.Subject+" "+last.Example.Found[0].Sample)
		}
	}
	if got, want := strings.Join(samples, ", "), "a 4111•••••••••••1111, c DE89••••••••••••0 00"; got != want {
		t.Errorf("examples %q; want %q", got, want)
	}
	if !last.Done || last.Looked != 3 || last.Found != 2 {
		t.Errorf("the end is %+v", last)
	}
	if rules := o.directory.Content(testDomain); rules != nil {
		t.Errorf("rules hold: %v", rules)
	}
}
