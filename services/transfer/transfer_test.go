package transfer_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// person is an account with a spool.
type person struct {
	testing.TB
	account *memstore.Account
	spool   *draft.Spool
}

func newPerson(t testing.TB) *person {
	t.Helper()
	store := memstore.New(nil)
	if err := store.CreateAccount(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	account, err := store.Account(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return &person{t, account, storetest.NewSpool(t)}
}

func (p *person) mailbox(name string) mail.Mailbox {
	p.Helper()
	b, err := p.account.Mailbox(p.Context(), name)
	if errors.Is(err, mail.ErrNoMailbox) {
		b, err = p.account.CreateMailbox(p.Context(), name, mail.RoleNone)
	}
	if err != nil {
		p.Fatal(err)
	}
	return b
}

func (p *person) append(folder, text string, internal time.Time, flags ...string) {
	p.Helper()
	d := storetest.NewDraft(p, p.spool, text)
	if _, err := p.account.Append(p.Context(), p.mailbox(folder).ID, []draft.Append{{Draft: d, Flags: mail.NewFlags(flags...), Internal: internal}}); err != nil {
		p.Fatal(err)
	}
}

func (p *person) options() transfer.ImportOptions {
	return transfer.ImportOptions{Draft: p.spool.New, Limit: 1 << 20}
}

// open opens an archive until the end of the test.
func (p *person) open(path string) *transfer.Archive {
	p.Helper()
	a, err := transfer.Open(path)
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(func() { _ = a.Close() })
	return a
}

func (p *person) take(path string, o transfer.ImportOptions) transfer.Summary {
	p.Helper()
	done, err := transfer.Import(p.Context(), p.account, p.open(path), o)
	if err != nil {
		p.Fatal(err)
	}
	return done
}

// content is all that an account holds, in words that can be compared.
func (p *person) content() []string {
	p.Helper()
	var all []string
	boxes, err := p.account.Mailboxes(p.Context())
	if err != nil {
		p.Fatal(err)
	}
	for _, b := range boxes {
		all = append(all, fmt.Sprintf("%s role %d subscribed %t", b.Name, b.Role, b.Subscribed))
		var inside []string
		for row, err := range p.account.Rows(p.Context(), b.ID, storetest.Every()) {
			if err != nil {
				p.Fatal(err)
			}
			m, err := p.account.Open(p.Context(), b.ID, row.UID)
			if err != nil {
				p.Fatal(err)
			}
			text, err := io.ReadAll(m.Reader())
			if err != nil {
				p.Fatal(err)
			}
			flags := row.Flags.Names()
			slices.Sort(flags)
			inside = append(inside, fmt.Sprintf("%s: %q %s %v", b.Name, text, row.Internal.Format("2006-01-02T15:04:05.000Z0700"), flags))
		}
		all = append(all, inside...)
	}
	return all
}

func (p *person) same(got, want []string) {
	p.Helper()
	for i := range max(len(got), len(want)) {
		switch {
		case i >= len(got):
			p.Fatalf("missing: %s", want[i])
		case i >= len(want):
			p.Fatalf("too much: %s", got[i])
		case got[i] != want[i]:
			p.Fatalf("got  %s\nwant %s", got[i], want[i])
		}
	}
}

// fill gives the person folders and messages of every awkward kind.
func (p *person) fill(r *rand.Rand) {
	folders := []string{
		mail.Inbox, "Sent", "Kunden/Müller & Söhne", "Kunden/Müller & Söhne/100%.", "a.b/c:d", "inbox/.hidden ", "work", "Work", "日本語/" + strings.Repeat("長", 90),
		strings.Repeat("deep/", 20) + "end", "cur", "new/cur/tmp", "Sent Items", "x.mbox", "x.mbox/mbox", "&AOQ-", "%2E", "CON", "-", " lead",
	}
	for _, f := range folders {
		p.mailbox(f)
	}
	if err := p.account.Subscribe(p.Context(), "Work", true); err != nil {
		p.Fatal(err)
	}
	texts := []string{
		"", "\n", "\r\n", "a", "no line end at all", "Subject: x\r\n\r\nFrom here\r\n>From there\r\n>>From\r\n", "Subject: x\r\n",
		"Subject: x\n\nplain LF\n", "Subject: x\n\nFrom LF, open", "Subject: x\r\n\r\nmixed\nends\r\n", "\r\n\r\n\r\n", "\n\n\n", "\r", "a\r\r\nb\r\r\n", "\n\r\n", "a\n\r\n",
		"From me Mon Jan  2 15:04:05 2006\r\nSubject: y\r\n\r\nFrom a@b Mon Jan  2 15:04:05 2006\r\nSubject: z\r\n\r\n",
		"Status: RO\r\nX-Status: AF\r\nX-Keywords: no\r\nContent-Length: 3\r\n\r\nabcdef\r\n", "X-Sanduk-Mbox: 1; eol=lf\r\n\r\nx\r\n", " folded\r\n more\r\n\r\n",
		strings.Repeat(">", 65531) + "From me\r\n", strings.Repeat(">", 65535) + "From me\r\n", strings.Repeat(">", 65533) + "From me\n", strings.Repeat(">", 70000) + "\r\n",
		strings.Repeat("x", 65536) + "\r\n", strings.Repeat("x", 65535) + "\r\n", strings.Repeat("x", 65535) + "\r\r\n", "Subject: \xff\x00\x1a\r\n\r\n\x00\r\n", "twin\r\n", "twin\r\n",
	}
	for range 60 {
		b := make([]byte, r.IntN(40))
		for i := range b {
			b[i] = "\r\n\r\n>From Status:X- "[r.IntN(20)]
		}
		texts = append(texts, string(b))
	}
	names := []string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`, "$Forwarded", "$Junk"}
	for i := range 40 {
		names = append(names, fmt.Sprintf("label%d", i))
	}
	zones := []*time.Location{time.UTC, time.FixedZone("", 2*3600), time.FixedZone("", -(5*3600 + 1800))}
	for i, text := range texts {
		r.Shuffle(len(names), func(i, j int) { names[i], names[j] = names[j], names[i] })
		at := time.UnixMilli(1_500_000_000_000 + r.Int64N(200_000_000_000)).In(zones[r.IntN(len(zones))])
		p.append(folders[(i*7)%len(folders)], text, at, names[:r.IntN(6)]...)
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, form := range []struct {
		name   string
		format transfer.Format
	}{
		{"maildir", transfer.Maildir}, {"all.tar", transfer.Maildir}, {"all.tar.gz", transfer.Maildir}, {"maildir.zip", transfer.Maildir},
		{"mbox", transfer.Mbox}, {"mbox.zip", transfer.Mbox},
	} {
		t.Run(form.name, func(t *testing.T) {
			t.Parallel()
			from, to := newPerson(t), newPerson(t)
			from.fill(rand.New(rand.NewPCG(1, 2)))
			path := filepath.Join(t.TempDir(), form.name)
			out, err := transfer.Export(t.Context(), from.account, path, transfer.ExportOptions{Format: form.format})
			if err != nil || out.Failed != 0 || out.Messages != out.Total {
				t.Fatalf("Export = %+v, %v; want everything", out, err)
			}
			done := to.take(path, to.options())
			if done.Imported != out.Messages || done.Present+done.Failed+done.TooLarge+done.Gone != 0 || len(done.Problems) != 0 {
				t.Errorf("Import = %+v; want %d messages", done, out.Messages)
			}
			to.same(to.content(), from.content())

			// Once more adds nothing.
			if again := to.take(path, to.options()); again.Imported != 0 || again.Present != out.Messages {
				t.Errorf("the second Import = %+v; want nothing new, %d present", again, out.Messages)
			}
			to.same(to.content(), from.content())
			if _, err := transfer.Export(t.Context(), from.account, path, transfer.ExportOptions{Format: form.format}); err == nil {
				t.Error("a second Export writes over the first")
			}
		})
	}
}

// TestExportNames shows what stands in the file system.
func TestExportNames(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	p.append("Kunden/A.B", "Subject: x\r\n\r\n", time.Date(2026, 2, 3, 4, 5, 6, 789e6, time.FixedZone("", -3600)), `\Seen`, "blue", "$Forwarded")
	for format, want := range map[transfer.Format][]string{
		transfer.Maildir: {
			".Archive/cur", ".Kunden.A%2EB/cur/1770095106.M789000P1.sanduk_0100,S=14:2,PSa", ".Kunden.A%2EB/dovecot-keywords", ".Kunden.A%2EB/sanduk-folder.json", "cur", "new", "tmp",
		},
		transfer.Mbox: {"Archive.mbox", "INBOX.mbox", "INBOX.mbox.json", "Kunden.mbox", "Kunden/A%2EB.mbox"},
	} {
		dir := t.TempDir()
		if _, err := transfer.Export(t.Context(), p.account, dir, transfer.ExportOptions{Format: format}); err != nil {
			t.Fatal(err)
		}
		for _, name := range want {
			if _, err := os.Lstat(filepath.Join(dir, name)); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	}
}

func write(t testing.TB, dir string, files map[string]string) {
	t.Helper()
	for name, text := range files {
		full := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(full), 0o700); err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "/") {
			if err := os.MkdirAll(full, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := os.WriteFile(full, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// found gives what import made of an archive: folder, body and flags.
func found(t testing.TB, files map[string]string, path string, change ...func(*transfer.ImportOptions)) (*person, map[string]string, transfer.Summary) {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	p := newPerson(t)
	o := p.options()
	for _, c := range change {
		c(&o)
	}
	done := p.take(filepath.Join(dir, path), o)
	got := map[string]string{}
	boxes, err := p.account.Mailboxes(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range boxes {
		for row, err := range p.account.Rows(t.Context(), b.ID, storetest.Every()) {
			if err != nil {
				t.Fatal(err)
			}
			m, err := p.account.Open(t.Context(), b.ID, row.UID)
			if err != nil {
				t.Fatal(err)
			}
			text, _ := io.ReadAll(m.Reader())
			got[b.Name] += fmt.Sprintf("%q%v %s;", text, row.Flags.Names(), row.Internal.UTC().Format(time.DateTime))
		}
	}
	return p, got, done
}

func compare(t testing.TB, got, want map[string]string) {
	t.Helper()
	for folder, text := range want {
		if got[folder] != text {
			t.Errorf("%s:\ngot  %s\nwant %s", folder, got[folder], text)
		}
		delete(got, folder)
	}
	for folder, text := range got {
		t.Errorf("%s: got %s, want nothing", folder, text)
	}
}

func TestForeignMaildir(t *testing.T) {
	t.Parallel()
	_, got, done := found(t, map[string]string{
		"Maildir/cur/1700000000.M5P1.host,S=3,W=4:2,RSab":            "a\n\n",
		"Maildir/new/1700000001.M5P1.host":                           "b\r\n",
		"Maildir/cur/1600000000.4_2.host:2,F":                        "c\n",
		"Maildir/tmp/1700000002.M5P1.host":                           "half",
		"Maildir/dovecot-keywords":                                   "0 red\n1 $Label1\n",
		"Maildir/.Gesendet/cur/1700000003.M5P1.host:2,S":             "d\n",
		"Maildir/.Kunden.M&APw-ller/cur/1700000004.M5P1.host:2,DPT":  "e\n",
		"Maildir/.Kunden.M&APw-ller/cur/1700000004.M5P1.host2:2,DPT": "e\n",
		"Maildir/.Empty/cur/":                                        "",
		"Maildir/nested/deeper/cur/1700000005.x:2,":                  "f\n",
		"Maildir/subscriptions":                                      "x\n",
	}, "Maildir")
	compare(t, got, map[string]string{
		mail.Inbox:      `"c\r\n"[\Flagged] 2020-09-13 12:26:40;"a\r\n\r\n"[\Seen \Answered $Label1 red] 2023-11-14 22:13:20;"b\r\n"[] 2023-11-14 22:13:21;`,
		"Sent":          `"d\r\n"[\Seen] 2023-11-14 22:13:23;`,
		"Kunden/Müller": `"e\r\n"[\Deleted \Draft $Forwarded] 2023-11-14 22:13:24;"e\r\n"[\Deleted \Draft $Forwarded] 2023-11-14 22:13:24;`,
		"nested/deeper": `"f\r\n"[] 2023-11-14 22:13:25;`,
	})
	if done.Imported != 7 || done.Folders != 3 {
		t.Errorf("Import = %+v; want 7 messages, 3 folders made", done)
	}
}

// TestCourierKeywords reads the list that Courier keeps beside a folder's messages.
func TestCourierKeywords(t *testing.T) {
	t.Parallel()
	_, got, _ := found(t, map[string]string{
		"Maildir/courierimapkeywords/:list":            "$Label1\nbl(ue\nred\n\n1700000000.M5P1.host,S=3:0 2\n1700000001.M5P1.host:9 -1 x 1\nnothing\n:1\n",
		"Maildir/cur/1700000000.M5P1.host,S=3:2,S":     "a\n",
		"Maildir/cur/1700000001.M5P1.host:2,":          "b\n",
		"Maildir/.Sub/cur/1700000000.M5P1.host,S=3:2,": "c\n",
	}, "Maildir")
	compare(t, got, map[string]string{
		mail.Inbox: `"a\r\n"[\Seen $Label1 red] 2023-11-14 22:13:20;"b\r\n"[] 2023-11-14 22:13:21;`,
		"Sub":      `"c\r\n"[] 2023-11-14 22:13:20;`,
	})
}

func TestForeignTimes(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"cur/1700000000.M5P1.host:2,": "a\r\n", "cur/strange": "b\r\n"})
	earlier := time.Date(2001, 2, 3, 4, 5, 6, 0, time.UTC) // as programs set it that know when it came
	for _, name := range []string{"cur/1700000000.M5P1.host:2,", "cur/strange"} {
		if err := os.Chtimes(filepath.Join(dir, name), earlier, earlier); err != nil {
			t.Fatal(err)
		}
	}
	p := newPerson(t)
	p.take(dir, p.options())
	for row, err := range p.account.Rows(t.Context(), p.mailbox(mail.Inbox).ID, storetest.Every()) {
		if err != nil || !row.Internal.Equal(earlier) {
			t.Errorf("message %d: %s, %v; want the file's time", row.UID, row.Internal, err)
		}
	}
}

func TestForeignMboxes(t *testing.T) {
	t.Parallel()
	const from = "From a@b.test Tue Nov 14 22:13:20 2023\n"
	_, got, done := found(t, map[string]string{
		"Mail/Inbox":          from + "Subject: 1\nX-Mozilla-Status: 0001\nX-Mozilla-Status2: 00000000\nX-Mozilla-Keys: $label1   \n\nx\n\nFrom - Tue Nov 14 22:13:21 2023\nX-Mozilla-Status: 0009\n\ngone\n",
		"Mail/Inbox.msf":      "// <!-- <mdb:mork",
		"Mail/Inbox.sbd/Boss": from + "Subject: 2\n\ny\n",
		"Mail/Apple.mbox/mbox": "From MAILER-DAEMON Tue Nov 14 22:13:20 2023\nDate: Tue, 14 Nov 2023 22:13:20 +0000\nFrom: x\nSubject: DON'T DELETE THIS MESSAGE -- FOLDER INTERNAL DATA\n" +
			"X-IMAP: 1 2\nStatus: RO\n\nThis text is part of the internal format.\n\n" + from + "Status: RO\nX-Status: AFTD\nX-Keywords: a  b           \n\nz\n",
		"Mail/Trash":       "",
		"Mail/Sent Items":  from + "Subject: 3\n\ns\n",
		"Mail/one.eml":     "Date: Tue, 14 Nov 2023 23:13:20 +0100\n\nq\n",
		"Mail/prefs.js":    "nothing\n",
		"Mail/bad.mbox.gz": "\x1f\x8b",
	}, "Mail")
	compare(t, got, map[string]string{
		mail.Inbox:   `"Subject: 1\r\n\r\nx\r\n"[\Seen $label1] 2023-11-14 22:13:20;`,
		"INBOX/Boss": `"Subject: 2\r\n\r\ny\r\n"[] 2023-11-14 22:13:20;`,
		"Apple":      `"\r\nz\r\n"[\Seen \Answered \Flagged \Deleted \Draft a b] 2023-11-14 22:13:20;`,
		"Sent":       `"Subject: 3\r\n\r\ns\r\n"[] 2023-11-14 22:13:20;`,
		"Imported":   `"Date: Tue, 14 Nov 2023 23:13:20 +0100\r\n\r\nq\r\n"[] 2023-11-14 22:13:20;`,
	})
	if done.Gone != 2 {
		t.Errorf("Import = %+v; want 2 that are gone", done)
	}
}

// TestThunderbirdProfile reads a whole profile: the folders of its accounts come
// together, and what is no mail stays out.
func TestThunderbirdProfile(t *testing.T) {
	t.Parallel()
	message := func(status, text string) string {
		return "From - Tue Nov 14 22:13:20 2023\nX-Mozilla-Status: " + status + "\nX-Mozilla-Status2: 00800000\nX-Mozilla-Keys:     \nSubject: " + text + "\n\nx\n\n"
	}
	const p = "Profiles/ab12cd.default-release/"
	_, got, done := found(t, map[string]string{
		p + "prefs.js":                                         "user_pref(\"x\", 1);\n",
		p + "ImapMail/imap.example-1.com.msf":                  "// <!-- <mdb:mork:z v=\"1.4\"/> -->",
		p + "ImapMail/imap.example-1.com/INBOX":                message("0001", "read") + message("0009", "deleted, not compacted") + message("1002", "answered, forwarded"),
		p + "ImapMail/imap.example-1.com/INBOX.msf":            "// <!-- <mdb:mork:z v=\"1.4\"/> -->",
		p + "ImapMail/imap.example-1.com/INBOX.sbd/Work":       message("0004", "marked"),
		p + "ImapMail/imap.example-1.com/Archives.sbd/2023":    message("0000", "old"),
		p + "ImapMail/imap.example-1.com/Archives":             "",
		p + "ImapMail/imap.example-1.com/msgFilterRules.dat":   "version=\"9\"\n",
		p + "Mail/Local Folders/Sent":                          message("0001", "sent"),
		p + "Mail/Local Folders/Customers.sbd/M&APw-ller":      message("0001", "local"),
		p + "Mail/Local Folders/Customers.sbd/A.B.sbd/deep":    message("0001", "deep"),
		p + "Mail/pop.example.org/Inbox":                       message("0000", "by POP3"),
		p + "Mail/pop.example.org/popstate.dat":                "# POP3 State File\n",
		p + "Mail/smart mailboxes/Inbox.msf":                   "// <!-- <mdb:mork:z v=\"1.4\"/> -->",
		p + "Mail/Local Folders/Notes/cur/1700000000000.1.eml": "Subject: maildir\n\nx\n",
	}, "Profiles")
	if !strings.HasPrefix(got["Notes"], `"Subject: maildir\r\n\r\nx\r\n"[] `) {
		t.Errorf("Notes: %s; want the one message", got["Notes"])
	}
	delete(got, "Notes") // its date is the file's
	compare(t, got, map[string]string{
		mail.Inbox: `"Subject: read\r\n\r\nx\r\n"[\Seen] 2023-11-14 22:13:20;"Subject: answered, forwarded\r\n\r\nx\r\n"[\Answered $Forwarded] 2023-11-14 22:13:20;` +
			`"Subject: by POP3\r\n\r\nx\r\n"[] 2023-11-14 22:13:20;`,
		"INBOX/Work":         `"Subject: marked\r\n\r\nx\r\n"[\Flagged] 2023-11-14 22:13:20;`,
		"Archives/2023":      `"Subject: old\r\n\r\nx\r\n"[] 2023-11-14 22:13:20;`,
		"Sent":               `"Subject: sent\r\n\r\nx\r\n"[\Seen] 2023-11-14 22:13:20;`,
		"Customers/Müller":   `"Subject: local\r\n\r\nx\r\n"[\Seen] 2023-11-14 22:13:20;`,
		"Customers/A.B/deep": `"Subject: deep\r\n\r\nx\r\n"[\Seen] 2023-11-14 22:13:20;`,
	})
	if done.Gone != 1 || done.Imported != 9 {
		t.Errorf("Import = %+v; want 9 messages and 1 that is gone", done)
	}
}

// TestKerio reads the store of Kerio Connect: .eml files below "#msgs", beside
// indexes that are no mail.
func TestKerio(t *testing.T) {
	t.Parallel()
	const date = "Date: Tue, 14 Nov 2023 22:13:20 +0000\r\n"
	_, got, done := found(t, map[string]string{
		"alice/INBOX/#msgs/00000001.eml":             date + "Subject: 1\r\n\r\nFrom the start\r\n",
		"alice/INBOX/#msgs/00000002.eml":             date + "Subject: 2\r\n\r\nx\r\n",
		"alice/INBOX/index.fld":                      "U1 t655 s55 r0\n",
		"alice/INBOX/status.fld":                     "S1\n",
		"alice/INBOX/Kunden/#msgs/0000000a.eml":      date + "Subject: 3\r\n\r\ny\r\n",
		"alice/INBOX/Kunden/#assoc/00000001.eml.bak": "nothing",
		"alice/Sent Items/#msgs/00000001.eml":        date + "Subject: 4\r\n\r\nz\r\n",
		"alice/Drafts/properties.fld":                "x\n",
	}, "alice")
	quoted := strings.NewReplacer("\r\n", "\\r\\n").Replace(date)
	compare(t, got, map[string]string{
		mail.Inbox:     `"` + quoted + `Subject: 1\r\n\r\nFrom the start\r\n"[] 2023-11-14 22:13:20;"` + quoted + `Subject: 2\r\n\r\nx\r\n"[] 2023-11-14 22:13:20;`,
		"INBOX/Kunden": `"` + quoted + `Subject: 3\r\n\r\ny\r\n"[] 2023-11-14 22:13:20;`,
		"Sent":         `"` + quoted + `Subject: 4\r\n\r\nz\r\n"[] 2023-11-14 22:13:20;`,
	})
	if len(done.Problems) > 0 || done.Imported != 4 {
		t.Errorf("Import = %+v; want 4 messages, no problems", done)
	}
}

// TestFromLines: programs write From_ lines, and keep a body's from passing for
// one, in many ways.
func TestFromLines(t *testing.T) {
	t.Parallel()
	header, end := "Subject: s\n\n", "\n\n"
	for name, test := range map[string]struct{ from, body, want, at string }{
		"asctime":             {"From a@b.test Tue Nov 14 22:13:20 2023", "x", "x", "2023-11-14 22:13:20"},
		"a day of one figure": {"From a@b.test Sat Nov  4 02:03:04 2023", "x", "x", "2023-11-04 02:03:04"},
		"a zone behind":       {"From a@b.test Tue Nov 14 22:13:20 2023 +0100", "x", "x", "2023-11-14 21:13:20"},
		"a zone before":       {"From a@b.test Tue Nov 14 22:13:20 +0100 2023", "x", "x", "2023-11-14 21:13:20"},
		"without seconds":     {"From a@b.test Tue Nov 14 22:13 2023", "x", "x", "2023-11-14 22:13:00"},
		"UUCP":                {"From a@b.test Tue Nov 14 22:13:20 2023 remote from host", "x", "x", "2023-11-14 22:13:20"},
		"Thunderbird":         {"From - Tue Nov 14 22:13:20 2023", "x", "x", "2023-11-14 22:13:20"},
		"Gmail":               {"From 1782530474211232045@xxx Tue Nov 14 22:13:20 +0000 2023", "x", "x", "2023-11-14 22:13:20"},
		"a quoted name":       {`From "a b"@b.test Tue Nov 14 22:13:20 2023`, "x", "x", "2023-11-14 22:13:20"},
		"mboxo, mboxrd":       {"From a@b.test Tue Nov 14 22:13:20 2023", ">From here\nx", "From here\r\nx", "2023-11-14 22:13:20"},
		"mboxrd, twice":       {"From a@b.test Tue Nov 14 22:13:20 2023", ">>From here\nx", ">From here\r\nx", "2023-11-14 22:13:20"},
		"not quoted":          {"From a@b.test Tue Nov 14 22:13:20 2023", "x\nFrom here to there\ny", "x\r\nFrom here to there\r\ny", "2023-11-14 22:13:20"},
		"a paragraph":         {"From a@b.test Tue Nov 14 22:13:20 2023", "x\n\nFrom there on it went well\ny", "x\r\n\r\nFrom there on it went well\r\ny", "2023-11-14 22:13:20"},
	} {
		mbox := test.from + "\n" + header + test.body + end
		for _, eol := range []string{"\n", "\r\n"} {
			_, got, done := found(t, map[string]string{"box.mbox": strings.ReplaceAll(mbox+mbox, "\n", eol)}, "box.mbox")
			one := fmt.Sprintf("%q[] %s;", "Subject: s\r\n\r\n"+test.want+"\r\n", test.at)
			if got["box"] != one+one || len(done.Problems) > 0 {
				t.Errorf("%s, lines end in %q: got %s, %+v; want twice %s", name, eol, got["box"], done, one)
			}
		}
	}
}

// TestPrograms reads what mutt 2.2.12, mbsync 1.4.4 and Python's mailbox module
// have written (testdata/programs).
func TestPrograms(t *testing.T) {
	t.Parallel()
	const programs = "testdata/programs/"
	dir := t.TempDir()
	for _, name := range []string{"mutt", "mbsync", "python"} {
		f, err := os.Open(programs + name + ".tar")
		if err != nil {
			t.Fatal(err)
		}
		if err := transfer.Unpack(t.Context(), f, filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	for _, test := range []struct {
		path   string
		folder string
		number int
		want   []string // in the folder's content
		not    string
	}{
		{programs + "mutt.mbox", "mutt", 2, []string{
			"From the beginning:\\r\\n\\r\\nFrom here on\\r\\n>From quoted\\r\\nUmlaut: \\xe4\\r\\n\" 2026-11-22T11:06:07.000Z [\\Seen]", // by Content-Length
			"Subject: two\\r\\n", "second\\r\\n\\r\\n\\r\\n\" 2026-11-22T11:06:08",
		}, "Status"},
		{filepath.Join(dir, "mutt"), mail.Inbox, 1, []string{"Subject: three\\r\\n", "\\r\\nFrom a maildir\\r\\n\" 2026-11-22T11:06:08.000Z [\\Seen]"}, ""},
		{filepath.Join(dir, "mbsync/mbsync"), mail.Inbox, 1, []string{"Subject: three\\r\\n", "[\\Flagged \\Seen]"}, ""},
		{filepath.Join(dir, "mbsync/mbsync"), "Kunden/Müller", 1, []string{"Subject: four\\r\\n", "[\\Answered \\Seen]"}, ""},
		{programs + "python.mbox", "python", 1, []string{"Subject: py\\r\\n", "\\r\\nFrom me\\r\\nFrom x\\r\\nend\\r\\n\"", "[\\Answered \\Flagged \\Seen]"}, "Status"},
		{filepath.Join(dir, "python/pymaildir"), "Sub/Two", 1, []string{"Subject: pm\\r\\n", "[\\Flagged \\Seen]"}, ""},
	} {
		p := newPerson(t)
		done := p.take(test.path, p.options())
		if len(done.Problems) > 0 || p.mailbox(test.folder).Total != uint32(test.number) {
			t.Errorf("%s: %+v, %d messages in %s; want %d", test.path, done, p.mailbox(test.folder).Total, test.folder, test.number)
		}
		text := strings.Join(p.content(), "\n")
		for _, want := range test.want {
			if !strings.Contains(text, want) {
				t.Errorf("%s: no %s in\n%s", test.path, want, text)
			}
		}
		if test.not != "" && strings.Contains(text, test.not) {
			t.Errorf("%s: %s in\n%s", test.path, test.not, text)
		}
	}
}

func TestInto(t *testing.T) {
	t.Parallel()
	files := map[string]string{"old/cur/1700000000.x:2,": "a\r\n", "old/.Sent/cur/1700000000.x:2,": "b\r\n"}
	_, got, _ := found(t, files, "old", func(o *transfer.ImportOptions) { o.Into = "From Kerio/Alice" })
	compare(t, got, map[string]string{
		"From Kerio/Alice":      `"a\r\n"[] 2023-11-14 22:13:20;`,
		"From Kerio/Alice/Sent": `"b\r\n"[] 2023-11-14 22:13:20;`,
	})
	p := newPerson(t)
	o := p.options()
	o.Into = "a//b"
	dir := t.TempDir()
	write(t, dir, files)
	if _, err := transfer.Import(t.Context(), p.account, p.open(dir), o); !errors.Is(err, mail.ErrMailboxName) {
		t.Errorf("Import into a//b: %v; want ErrMailboxName", err)
	}
}

// TestDiffering brings messages that are nearly there: what differs in a byte
// comes in, whatever its Message-ID says; what doesn't stays out as often as it
// is there, and what is there stays as it is.
func TestDiffering(t *testing.T) {
	t.Parallel()
	const from, id = "From a Tue Nov 14 22:13:20 2023\n", "Message-ID: <1@x.test>\n"
	dir := t.TempDir()
	write(t, dir, map[string]string{
		"first":  from + id + "\nx\n\n" + from + id + "\nx\n",
		"second": from + id + "\nx\n\n" + from + id + "\nX\n\n" + from + "Status: RO\n" + id + "\nx\n\n" + from + id + "\nx\n\n" + from + id + "Lines: 1\n\nx\n",
	})
	p := newPerson(t)
	o := p.options()
	o.Into = "All"
	if done := p.take(filepath.Join(dir, "first"), o); done.Imported != 2 {
		t.Fatalf("the first Import = %+v; want both", done)
	}
	if err := os.Rename(filepath.Join(dir, "second"), filepath.Join(dir, "first")); err != nil { // the same folder
		t.Fatal(err)
	}
	if done := p.take(filepath.Join(dir, "first"), o); done.Imported != 3 || done.Present != 2 {
		t.Errorf("the second Import = %+v; want the two others and the third twin", done)
	}
	var seen int
	for row, err := range p.account.Rows(t.Context(), p.mailbox("All/first").ID, storetest.Every()) {
		if err != nil {
			t.Fatal(err)
		}
		if row.Flags.Has(mail.Seen) {
			seen++
		}
	}
	if seen != 0 {
		t.Errorf("%d messages that were there have other flags now", seen)
	}
}

func TestTooLarge(t *testing.T) {
	t.Parallel()
	big := strings.Repeat("x\n", 1<<19) + "y"
	_, got, done := found(t, map[string]string{
		"all": "From a Tue Nov 14 22:13:20 2023\n\n1\n\nFrom a Tue Nov 14 22:13:20 2023\n\n" + big + "\n\nFrom a Tue Nov 14 22:13:20 2023\n\n3\n",
	}, "all")
	compare(t, got, map[string]string{"all": `"\r\n1\r\n"[] 2023-11-14 22:13:20;"\r\n3\r\n"[] 2023-11-14 22:13:20;`})
	if done.Imported != 2 || done.TooLarge != 1 || len(done.Problems) != 1 || !strings.Contains(done.Problems[0], "all, message 2 at byte 36 is larger than 1 MB") {
		t.Errorf("Import = %+v; want 2 in and 1 too large", done)
	}
}

// TestInterrupted ends an import in the middle, in every place, and runs it
// again: everything is there once.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	var archive strings.Builder
	const messages = 300
	for i := range messages {
		fmt.Fprintf(&archive, "From a Tue Nov 14 22:13:20 2023\n\n%d\n\n", i/2*2) // each twice
	}
	dir := t.TempDir()
	write(t, dir, map[string]string{"all": archive.String()})
	p := newPerson(t)
	stop := errors.New("stop")
	for limit := 1; ; limit++ {
		o := p.options()
		batches := 0
		o.Pause = func(context.Context, time.Duration) error {
			if batches++; batches == 1 && limit < 3 {
				return stop
			}
			return nil
		}
		done, err := transfer.Import(t.Context(), p.account, p.open(filepath.Join(dir, "all")), o)
		if err == nil {
			if done.Imported+done.Present != messages {
				t.Errorf("the last Import = %+v; want %d in all", done, messages)
			}
			break
		}
		if !errors.Is(err, stop) || done.Imported == 0 {
			t.Fatalf("Import = %+v, %v; want a beginning", done, err)
		}
	}
	if got := p.mailbox("all").Total; got != messages {
		t.Errorf("%d messages; want %d", got, messages)
	}
}

// TestBrokenStream is an upload whose line breaks: what came is kept, and it is
// an error.
func TestBrokenStream(t *testing.T) {
	t.Parallel()
	broken := errors.New("connection lost")
	p := newPerson(t)
	text := strings.Repeat("From a Tue Nov 14 22:13:20 2023\n\nx\n\n", 100)
	a, err := transfer.OpenStream(io.MultiReader(strings.NewReader(text), failing{broken}), "all")
	if err != nil {
		t.Fatal(err)
	}
	done, err := transfer.Import(t.Context(), p.account, a, p.options())
	if !errors.Is(err, broken) || done.Imported != 99 {
		t.Errorf("Import = %+v, %v; want 99 messages and that it broke off", done, err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

func TestUnknown(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write(t, dir, map[string]string{"a.pst": "!BDN", "b.tar": "xx"})
	for _, name := range []string{"a.pst", "b.tar"} {
		if _, err := transfer.Open(filepath.Join(dir, name)); !errors.Is(err, transfer.ErrUnknown) {
			t.Errorf("Open(%s): %v; want ErrUnknown", name, err)
		}
	}
	if _, err := transfer.Open(filepath.Join(dir, "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("Open of nothing: %v; want ErrNotExist", err)
	}
}
