package signer

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	witness "github.com/emersion/go-msgauth/dkim"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver/resolvertest"
)

// memory is a KeyStore.
type memory struct {
	mu    sync.Mutex
	keys  map[domain.Name][]byte
	err   error // of every call
	asked int   // for keys
}

func (m *memory) SigningKeys(name domain.Name) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.asked++
	return m.keys[name], m.err
}

func (m *memory) SetSigningKeys(_ context.Context, name domain.Name, keys []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil {
		m.keys[name] = keys
	}
	return m.err
}

// desk is a Signer of an office, with what is around it.
type desk struct {
	*Signer
	store *memory
	world *resolvertest.Internet
	spool *draft.Spool
	now   time.Time
}

// newDesk makes one of an office with these domains, which have keys already: to make
// them takes longer than all else.
func newDesk(t testing.TB, domains ...domain.Name) *desk {
	t.Helper()
	zones := map[string]string{}
	for _, name := range domains {
		zones[string(name)+"."] = ""
	}
	d := &desk{store: &memory{keys: map[domain.Name][]byte{}}, world: resolvertest.New(t, zones), now: time.Now()}
	data, err := os.ReadFile("../dkim/testdata/keys.v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range domains {
		k, err := dkim.DecodeKeys(data)
		if err != nil {
			t.Fatal(err)
		}
		k = &dkim.Keys{Domain: string(name), Current: k.Current}
		d.store.keys[name] = k.Encode()
		d.publish(t, k)
	}
	disk, err := durable.NewOS(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = disk.Close() })
	if d.spool, err = draft.NewSpool(disk, "spool", nil); err != nil {
		t.Fatal(err)
	}
	d.Signer = New(Options{
		Keys: d.store, Domains: func() []domain.Name { return domains }, Hostname: func() string { return "mail.office.test" },
		DNS: d.world.Client(), Now: func() time.Time { return d.now }, Log: slog.New(slog.DiscardHandler),
	})
	return d
}

// publish puts into DNS what the keys say.
func (d *desk) publish(t testing.TB, k *dkim.Keys) {
	t.Helper()
	for _, r := range k.Records() {
		d.world.Remove(r.Name)
		d.world.Add(t, k.Domain, fmt.Sprintf("%s. 300 TXT %s\n", r.Name, r.ZoneText()))
	}
}

func (d *desk) draft(t testing.TB, text string) *draft.Draft {
	t.Helper()
	body := d.spool.New(mail.MaxMessage)
	t.Cleanup(body.Discard)
	if _, err := body.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := body.Finish(); err != nil {
		t.Fatal(err)
	}
	return body
}

func (d *desk) verify(t testing.TB, text string) []dkim.Result {
	t.Helper()
	m, err := dkim.Open(strings.NewReader(text), int64(len(text)))
	if err != nil {
		t.Fatal(err)
	}
	results, err := dkim.Verify(t.Context(), d.world.Client(), m, 10)
	if err != nil {
		t.Fatal(err)
	}
	return results
}

// received stands between a signature and the message, as delivery puts it there.
const received = "Received: from desk by mail.office.test; Sun, 22 Nov 2026 12:00:00 +0000\r\n"

// TestSign: the domain of the author signs, whoever else is one, with two keys; others
// agree that it holds.
func TestSign(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test", "second.test")
	for _, test := range []struct{ from, want string }{
		{"alice@office.test", "office.test office.test"},
		{"Alice <alice@OFFICE.test>", "office.test office.test"},
		{"MAILER-DAEMON@mail.office.test", "office.test office.test"},
		{"a@second.test, b@office.test, c@elsewhere.test", "second.test second.test office.test office.test"},
		{"a@elsewhere.test", ""},
		{"a@notoffice.test", ""},
		{"broken", ""},
	} {
		text := "From: " + test.from + "\r\nTo: x@far.test\r\nSubject: hello\r\n\r\ntext \r\n\r\n"
		fields, err := d.Sign(t.Context(), &mail.Envelope{}, d.draft(t, text))
		if err != nil {
			t.Errorf("%s: %v", test.from, err)
		}
		var got []string
		whole := string(fields) + received + text
		for _, r := range d.verify(t, whole) {
			got = append(got, r.Domain)
			if r.Word != dkim.Pass {
				t.Errorf("%s: %s of %s: %s", test.from, r.Algorithm, r.Domain, r.Reason)
			}
		}
		if strings.Join(got, " ") != test.want {
			t.Errorf("%s is signed by %v; want %s", test.from, got, test.want)
		}
		if test.want == "" {
			continue
		}
		verified, err := witness.VerifyWithOptions(strings.NewReader(whole), &witness.VerifyOptions{LookupTXT: func(name string) ([]string, error) {
			answer, err := d.world.Client().TXT(t.Context(), name)
			return answer.Records, err
		}})
		if err != nil || len(verified) != len(got) {
			t.Errorf("%s: go-msgauth finds %d signatures, %v", test.from, len(verified), err)
		}
		for _, v := range verified {
			if v.Err != nil {
				t.Errorf("%s: go-msgauth of %s: %v", test.from, v.Domain, v.Err)
			}
		}
	}
	if list := d.Findings(); list != nil {
		t.Errorf("all is well, but: %v", list)
	}
}

// TestSignLarge: a message that is in a file of the spool is signed as it is.
func TestSignLarge(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	text := "From: a@office.test\r\n\r\n" + strings.Repeat("a line of some length, many times over\r\n", 80_000)
	fields, err := d.Sign(t.Context(), &mail.Envelope{}, d.draft(t, text))
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range d.verify(t, string(fields)+text) {
		if r.Word != dkim.Pass {
			t.Errorf("%s: %s", r.Algorithm, r.Reason)
		}
	}
}

// TestDkimpy has another program check what we signed and sealed.
func TestDkimpy(t *testing.T) {
	t.Parallel()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import dkim, nacl, authres").Run(); err != nil {
		t.Skipf("dkimpy is not installed (scripts/deps): %v", err)
	}
	d := newDesk(t, "office.test")
	k, err := d.Keys(t.Context(), "office.test")
	if err != nil {
		t.Fatal(err)
	}
	records := map[string]string{}
	for _, r := range k.Records() {
		records[r.Name] = r.Text
	}
	ask := func(do string, message []byte, answer any) {
		stdin, err := json.Marshal(map[string]any{"do": do, "message": message, "records": records})
		if err != nil {
			t.Fatal(err)
		}
		command := exec.CommandContext(t.Context(), python, "../dkim/testdata/witness.py")
		command.Stdin = bytes.NewReader(stdin)
		stdout, err := command.Output()
		if err == nil {
			err = json.Unmarshal(stdout, answer)
		}
		if err != nil {
			t.Fatalf("dkimpy on %s: %q, %v", do, stdout, err)
		}
	}
	text := "From: a@office.test\r\nTo: b@far.test\r\nSubject: =?utf-8?q?x?=\r\n  folded\r\n\r\ntext  \r\n\r\n"
	fields, err := d.Sign(t.Context(), &mail.Envelope{}, d.draft(t, text))
	if err != nil {
		t.Fatal(err)
	}
	var holds []bool
	signed := string(fields) + received + text
	if ask("verify", []byte(signed), &holds); !slices.Equal(holds, []bool{true, true}) {
		t.Errorf("dkimpy on our signatures: %v; want both to hold", holds)
	}
	envelope := &mail.Envelope{Judgement: mail.Judgement{Fields: "Authentication-Results: mail.office.test;\r\n\tspf=pass smtp.mailfrom=a@office.test\r\n"}}
	if fields, err = d.Seal(t.Context(), envelope, d.draft(t, signed)); err != nil {
		t.Fatal(err)
	}
	var chain []string
	if ask("chain", append(append([]byte(nil), fields...), signed...), &chain); len(chain) != 2 || chain[0] != "pass" {
		t.Errorf("dkimpy on our seal: %v; want pass", chain)
	}
}

// TestSeal: a message passed on says what was found when it came; the next who passes
// it on seals above.
func TestSeal(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	text := "From: a@far.test\r\nTo: alice@office.test\r\n\r\ntext\r\n"
	judged := &mail.Envelope{Judgement: mail.Judgement{Fields: "Authentication-Results: mail.office.test;\r\n\tspf=pass smtp.mailfrom=far.test;\r\n\tdmarc=pass header.from=far.test\r\n"}}
	for i, test := range []struct {
		envelope *mail.Envelope
		results  string
	}{
		{judged, "mail.office.test; spf=pass smtp.mailfrom=far.test; dmarc=pass header.from=far.test"},
		{&mail.Envelope{}, "mail.office.test; none"},
	} {
		fields, err := d.Seal(t.Context(), test.envelope, d.draft(t, text))
		if err != nil {
			t.Fatal(err)
		}
		text = string(fields) + received + text
		m, err := dkim.Open(strings.NewReader(text), int64(len(text)))
		if err != nil {
			t.Fatal(err)
		}
		c, err := dkim.VerifyChain(t.Context(), d.world.Client(), m)
		if err != nil || c.Word != dkim.Pass || len(c.Seals) != i+1 || c.Seals[i].Domain != "office.test" || c.Seals[i].Results != test.results {
			t.Fatalf("seal %d: %+v, %v; want it to hold and to say %q", i+1, c, err, test.results)
		}
	}
	broken := strings.Replace(text, "ARC-Message-Signature: i=1", "X-Gone: i=1", 1)
	if fields, err := d.Seal(t.Context(), judged, d.draft(t, broken)); fields != nil || err != nil {
		t.Errorf("a chain that is not whole is sealed: %q, %v", fields, err)
	}
	if fields, err := d.Seal(t.Context(), judged, d.draft(t, "Subject: no author\r\n\r\n")); fields != nil || err != nil {
		t.Errorf("a message of nobody is sealed: %q, %v", fields, err)
	}
}

// TestTrouble: what can't be signed is told, until something can.
func TestTrouble(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	body := d.draft(t, "From: a@office.test\r\n\r\ntext\r\n")
	d.store.err = errors.New("the box key is another")
	for range 2 {
		if _, err := d.Sign(t.Context(), &mail.Envelope{}, body); !errors.Is(err, d.store.err) {
			t.Errorf("Sign: %v; want the store's error", err)
		}
	}
	if list := d.Findings(); len(list) != 1 || !strings.Contains(list[0].What, "(messages: 2)") || !strings.Contains(list[0].ToDo, "the box key is another") {
		t.Errorf("Findings: %v", list)
	}
	d.store.err = nil
	if _, err := d.Sign(t.Context(), &mail.Envelope{}, body); err != nil || d.Findings() != nil {
		t.Errorf("behind it: %v, %v", err, d.Findings())
	}
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Sign(ended, &mail.Envelope{}, body); !errors.Is(err, context.Canceled) {
		t.Errorf("Sign behind its time: %v", err)
	}
}

// TestChange leads a domain's keys through a change: made, shown, seen in DNS, old.
func TestChange(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	ctx := t.Context()
	uses := func() string {
		t.Helper()
		k, err := d.Keys(ctx, "office.test")
		if err != nil {
			t.Fatal(err)
		}
		var list []string
		for _, r := range k.Records() {
			list = append(list, string(r.Use))
		}
		return strings.Join(list, " ")
	}
	if _, err := d.Switch(ctx, "office.test"); !errors.Is(err, dkim.ErrNotPrepared) {
		t.Errorf("Switch before Prepare: %v", err)
	}
	k, err := d.Prepare(ctx, "office.test")
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.Prepare(ctx, "office.test"); err != nil || again.Next.Label != k.Next.Label {
		t.Errorf("a second Prepare: %v; want the same keys", err)
	}
	d.attend(ctx, true)
	if got, want := uses(), "current current next next"; got != want {
		t.Errorf("before the records are in DNS: %s; want %s", got, want)
	}
	next := k.Records()[2]
	d.world.Add(t, "office.test", fmt.Sprintf("%s. 300 TXT %s\n", next.Name, next.ZoneText()))
	d.now = d.now.Add(time.Hour)
	d.o.DNS = d.world.Client() // another, whose cache is empty
	d.attend(ctx, true)
	if got, want := uses(), "current current next next"; got != want {
		t.Errorf("with one record in DNS: %s; want %s", got, want)
	}
	d.publish(t, k)
	d.o.DNS = d.world.Client()
	d.attend(ctx, true)
	if got, want := uses(), "current current retired retired"; got != want {
		t.Errorf("with both: %s; want %s", got, want)
	}
	fields, err := d.Sign(ctx, &mail.Envelope{}, d.draft(t, "From: a@office.test\r\n\r\n"))
	if err != nil || !strings.Contains(string(fields), "s=r"+k.Next.Label+";") {
		t.Errorf("signed with %q, %v; want the new keys", fields, err)
	}
	d.now = d.now.Add(dkim.StaleAfter + time.Hour)
	d.attend(ctx, false)
	if got, want := uses(), "current current retired retired"; got != want {
		t.Errorf("a month later: %s; want %s, to be told that they can go", got, want)
	}
	d.now = d.now.Add(showOld)
	d.attend(ctx, false)
	if got, want := uses(), "current current"; got != want {
		t.Errorf("two months later: %s; want %s", got, want)
	}
}

// TestKeysAreMade: a domain that has none gets its keys once, whoever asks first.
func TestKeysAreMade(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	d.store.keys = map[domain.Name][]byte{}
	labels := make([]string, 4)
	var wait sync.WaitGroup
	for i := range labels {
		wait.Go(func() {
			k, err := d.Keys(t.Context(), "office.test")
			if err != nil {
				t.Error(err)
				return
			}
			labels[i] = k.Current.RSA.N.String()
		})
	}
	wait.Wait()
	if labels[0] == "" || labels[1] != labels[0] || labels[3] != labels[0] {
		t.Error("several keys were made")
	}
	if _, err := d.Keys(t.Context(), "elsewhere.test"); !errors.Is(err, ErrNoDomain) {
		t.Errorf("a foreign domain: %v; want ErrNoDomain", err)
	}
}

// TestRun: a new domain soon has its keys; a disk that takes none is not asked four
// times a minute.
func TestRun(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test")
	synctest.Test(t, func(t *testing.T) {
		d.o.Now, d.o.DNS = time.Now, d.world.Client()
		d.store.keys, d.store.err = map[domain.Name][]byte{}, errors.New("the disk is full")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { d.Run(ctx); close(done) }()
		time.Sleep(lookEvery + time.Second)
		synctest.Wait()
		d.store.mu.Lock()
		asked := d.store.asked
		d.store.err = nil
		d.store.mu.Unlock()
		if asked > 2 {
			t.Errorf("the disk was asked %d times in ten minutes", asked)
		}
		time.Sleep(lookEvery + makeEvery)
		synctest.Wait()
		cancel()
		<-done
		if k, err := d.Keys(t.Context(), "office.test"); err != nil || k.Domain != "office.test" {
			t.Errorf("behind it: %v", err)
		}
	})
}

// BenchmarkSign is what a signature costs a message: two keys, one pass of the body.
func BenchmarkSign(b *testing.B) {
	d := newDesk(b, "office.test")
	for _, size := range []int{2 << 10, 100 << 10, 10 << 20} {
		b.Run(fmt.Sprintf("%dK", size>>10), func(b *testing.B) {
			body := d.draft(b, "From: a@office.test\r\nTo: b@far.test\r\nSubject: s\r\n\r\n"+strings.Repeat("a line of forty-two letters and its end.\r\n", size/42))
			b.SetBytes(body.Size())
			for b.Loop() {
				if _, err := d.Sign(b.Context(), &mail.Envelope{}, body); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// TestLeft: what is left to the provider is signed by nobody here, not even by a domain
// above; its keys stay as they are, none are made, and another domain seals.
func TestLeft(t *testing.T) {
	t.Parallel()
	d := newDesk(t, "office.test", "second.test")
	left := map[domain.Name]bool{"office.test": true, "new.office.test": true}
	domains := d.o.Domains()
	d.o.Domains = func() []domain.Name { return append(slices.Clone(domains), "new.office.test") }
	d.o.Left = func(name domain.Name) bool { return left[name] }
	text := "From: a@%s\r\nTo: x@far.test\r\nSubject: hello\r\n\r\ntext\r\n"
	sign := func(from string) []dkim.Result {
		t.Helper()
		whole := fmt.Sprintf(text, from)
		fields, err := d.Sign(t.Context(), &mail.Envelope{}, d.draft(t, whole))
		if err != nil {
			t.Fatal(err)
		}
		return d.verify(t, string(fields)+whole)
	}
	for from, want := range map[string]int{"office.test": 0, "mail.office.test": 0, "new.office.test": 0, "second.test": 2, "office.test, b@second.test": 2} {
		if got := sign(from); len(got) != want {
			t.Errorf("from %s: %d signatures; want %d", from, len(got), want)
		}
	}
	sealed := func() string {
		t.Helper()
		fields, err := d.Seal(t.Context(), &mail.Envelope{}, d.draft(t, fmt.Sprintf(text, "far.test")))
		if err != nil {
			t.Fatal(err)
		}
		return string(fields)
	}
	if fields := sealed(); !strings.Contains(fields, "d=second.test") {
		t.Errorf("the seal is %q; want one of second.test", fields)
	}
	left["second.test"] = true
	if fields := sealed(); fields != "" {
		t.Errorf("where nobody signs the seal is %q; want none", fields)
	}
	if !d.attend(t.Context(), true) || d.store.keys["new.office.test"] != nil {
		t.Error("keys were made for a domain that doesn't sign")
	}
	if _, err := d.Prepare(t.Context(), "office.test"); !errors.Is(err, ErrLeft) {
		t.Errorf("Prepare: %v; want ErrLeft", err)
	}
	if _, err := d.Switch(t.Context(), "office.test"); !errors.Is(err, ErrLeft) {
		t.Errorf("Switch: %v; want ErrLeft", err)
	}
	left["office.test"] = false
	for _, r := range sign("office.test") {
		if r.Word != dkim.Pass {
			t.Errorf("signed again: %s %s", r.Word, r.Reason)
		}
	}
	if list := d.Findings(); list != nil {
		t.Errorf("all is well, but: %v", list)
	}
}
