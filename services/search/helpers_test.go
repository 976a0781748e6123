package search

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store/memstore"
	"github.com/sanduk-mail/sanduk/services/store/storetest"
)

// office is a model store with one account, and an index of it that is brought
// up to date when the test says so.
type office struct {
	testing.TB
	ctx   context.Context
	store *memstore.Store
	box   *memstore.Account
	inbox mail.Mailbox
	spool *draft.Spool
	files durable.FS
	ix    *Index
}

const anna = mail.AccountID(1)

func newOffice(t testing.TB) *office {
	t.Helper()
	o := &office{TB: t, ctx: context.Background(), store: memstore.New(nil), spool: storetest.NewSpool(t), files: crashfs.New()}
	o.ok(o.store.CreateAccount(o.ctx, anna))
	var err error
	o.box, err = o.store.Account(o.ctx, anna)
	o.ok(err)
	o.inbox, err = o.box.Mailbox(o.ctx, mail.Inbox)
	o.ok(err)
	o.reopen()
	return o
}

func (o *office) ok(err error) {
	o.Helper()
	if err != nil {
		o.Fatal(err)
	}
}

// stepwise ends the goroutine that writes: the test does its work.
func (ix *Index) stepwise() {
	ix.stop()
	ix.running.Wait()
	ix.life, ix.stop = context.WithCancel(context.Background())
}

// quiet is a store of which nothing is heard.
type quiet struct{}

func (quiet) Watch() *mail.Watch { return mail.NewWatch(nil, func() {}) }

func (quiet) ChangedAccounts(context.Context, mail.Position) (mail.StoreChanges, error) {
	return mail.StoreChanges{}, nil
}

// reopen opens the index anew, on the files that are there.
func (o *office) reopen() {
	if o.ix != nil {
		o.ok(o.ix.Close())
	}
	o.ix = Open(Options{
		Files: o.files, Delay: time.Hour, Logger: slog.New(slog.DiscardHandler),
		Open:  func(ctx context.Context, id mail.AccountID) (Account, error) { return o.store.Account(ctx, id) },
		Store: quiet{},
	})
	o.ix.throttle.off = true
	o.ix.stepwise()
	o.Cleanup(func() { _ = o.ix.Close() })
}

func (o *office) append(texts ...string) {
	o.Helper()
	for _, text := range texts {
		d := storetest.NewDraft(o.TB, o.spool, text)
		_, err := o.box.Append(o.ctx, o.inbox.ID, []draft.Append{{Draft: d, Internal: time.Unix(1_800_000_000, 0)}})
		o.ok(err)
	}
}

// update indexes what there is.
func (o *office) update() {
	o.Helper()
	o.ok(o.ix.update(anna, false))
}

// same compares the indexed answer with the one of a scan.
func (o *office) same(q mail.Query) {
	o.Helper()
	want, err := o.box.Search(o.ctx, o.inbox.ID, q)
	o.ok(err)
	got, err := o.ix.Search(o.ctx, anna, o.box, o.inbox.ID, q)
	o.ok(err)
	if got.String() != want.String() {
		o.Errorf("%#v: got %s; want %s", q, got, want)
	}
}

// odd are messages that are hard to cut into words.
func odd() []string {
	long := strings.Repeat("abcdefghij", 30)
	return []string{
		"Subject: =?utf-8?b?5pel5pys6Kqe44Gu5Lu25ZCN?= Windows\u7248\r\nFrom: a@b\r\n\r\n\u6771\u4eac\u90fd\u3067\u4f1a\u8b70 abc\u7248def \u4f1a. \u4f1a\u8b70\r\n",
		"Subject: " + long + "\r\nX-Long: " + long + "xyz 1\r\n\r\n" + long + "xyz tail\r\n" + long[5:] + "-" + long + "\r\n",
		"Subject: O'Brien's co-op, inc.\r\nFrom: \"Doe, J\" <j.doe@example.com>\r\nTo: x@y, z@example.com\r\n\r\nit's  two  spaces, e.g. j.doe@example.com or a_b; 10:30\r\nthank\r\nyou thank you\r\n",
		"Subject: \r\nCc: \r\n\r\n\r\n",
		"Subject: stra\u00dfe \u0130stanbul \u01c5 \u1e9e \u03a3\u03c2\u03c3 caf\u00e9 cafe\u0301\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nSTRASSE \u0130I\u0131i \u1fb3 \ufb01 \xff\xfe\u00e9\x00nul \u24b6\u24d0 \u0e20\u0e32\u0e29\u0e32\u0e44\u0e17\u0e22\r\n",
		"Subject: outer\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner words\r\nDKIM-Signature: b=secret\r\n\r\ninner text\r\n--b\r\n" +
			"Content-Type: application/msword; name*=iso-8859-1''Z%E4hler%20stand.doc\r\nContent-Disposition: attachment;\r\n filename*0*=utf-8''%C3%87mimi%20i; filename*1*=%20ri; filename*2=.doc\r\nContent-Description: =?utf-8?q?F=C3=BCr?=\r\n =?utf-8?q?_dich?=\r\n\r\nx\r\n--b\r\n" +
			"Content-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; gone@example.com\r\n--b\r\n" +
			"Content-Type: text/html\r\n\r\n<p>one<b>two</b> three&amp;four</p><p>five</p>\r\n--b\r\nContent-Type: application/pdf; name=\"offer.pdf\"\r\n\r\nhidden\r\n--b--\r\n",
		"Subject: twice\r\nSubject: again twice\r\nNo field at all\r\nX-A: one\r\nX-B: two one\r\nDKIM-Signature: v=1; b=AbCdEf\r\nARC-Seal: i=1; b=\u00fcX\r\nX-Face: " + long + "AbCd" + strings.Repeat(long, 12) + "\r\nReceived: from mail by mx\r\n\r\nfrom mail\r\n",
		"Subject: cut\r\nTo: " + strings.Repeat("somebody <some.body@example.com>, ", 80) + "last@example.com\r\n\r\nx\r\n",
	}
}

// needles are texts to look for: pieces of the messages, changed a little.
func needles(r *rand.Rand, texts []string, n int) []string {
	var list []string
	for len(list) < n {
		text := []rune(texts[r.IntN(len(texts))])
		if r.IntN(8) == 0 {
			list = append(list, []string{"", " ", ":", "@", "the", "subject", "subject: ", "e", "from", "to: ", "\u00c7mimi i ri.d", "z\u00e4hler stand", "description: f\u00fcr dich", "filename*0", "AbCd", "signature: v", "=1; b=ab", "i=1; b=\u00fc", "nowhere", ", ", "'", "com>"}[r.IntN(22)])
			continue
		}
		from := r.IntN(len(text))
		size := 1 + r.IntN(12)
		if r.IntN(5) == 0 {
			size += r.IntN(80)
		}
		piece := string(text[from:min(len(text), from+size)])
		if strings.ContainsAny(piece, "\r\n") && r.IntN(4) > 0 {
			piece = strings.Fields(piece + " x")[0]
		}
		list = append(list, piece)
	}
	return list
}

// queryOf makes a query about a text, or two of them.
func queryOf(r *rand.Rand, texts []string) mail.Query {
	leaf := func() mail.Query {
		text := texts[r.IntN(len(texts))]
		switch r.IntN(5) {
		case 0:
			return mail.Text{Text: text}
		case 1, 2:
			return mail.Body{Text: text}
		}
		names := []string{"Subject", "FROM", "to", "Cc", "Bcc", "Received", "x-a", "X-Long", "Message-ID", "Content-Type", "DKIM-Signature", "X-Face", "arc-seal", "Nowhere", "\u212a"}
		return mail.Header{Name: names[r.IntN(len(names))], Value: text}
	}
	switch r.IntN(6) {
	case 0:
		return mail.Not{Query: leaf()}
	case 1:
		return mail.And{leaf(), leaf()}
	case 2:
		return mail.Or{leaf(), mail.And{leaf(), mail.Larger{Bytes: 2000}}}
	case 3:
		return mail.Fuzzy{Query: leaf()}
	}
	return leaf()
}

func small(i int) string { return fmt.Sprintf("Subject: number%d\r\n\r\nbody%d\r\n", i, i) }

// indexed is how many messages the index has.
func (o *office) indexed() (n int) {
	for _, s := range o.ix.accounts[anna].segments {
		n += len(s.docs)
	}
	return n
}

// fileNames are the account's files, segmentFiles how many of them hold segments.
func (o *office) fileNames() (names []string) {
	o.Helper()
	entries, err := o.files.ReadDir(anna.String())
	o.ok(err)
	for _, e := range entries {
		names = append(names, anna.String()+"/"+e.Name())
	}
	return names
}

func (o *office) segmentFiles() (n int) {
	for _, name := range o.fileNames() {
		if !strings.HasSuffix(name, "manifest") {
			n++
		}
	}
	return n
}
