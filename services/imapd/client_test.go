package imapd

import (
	"bytes"
	"crypto/tls"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// newClient connects go-imap's client over TLS and logs in.
func (b *box) newClient(options *imapclient.Options) *imapclient.Client {
	b.t.Helper()
	nc, err := b.implicit.Dial()
	if err != nil {
		b.t.Fatal(err)
	}
	c := imapclient.New(tls.Client(nc, b.clientTLS), options)
	b.t.Cleanup(func() { _ = c.Close() })
	if err := c.Login("alice@example.test", "secret").Wait(); err != nil {
		b.t.Fatalf("log in: %v", err)
	}
	return c
}

// must fails the test on err.
func must[T any](t *testing.T, what string) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		return v
	}
}

func TestClientFetch(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	c := b.newClient(nil)
	selected := must[*imap.SelectData](t, "SELECT")(c.Select("INBOX", nil).Wait())
	if selected.NumMessages != 4 || selected.UIDNext != 5 {
		t.Errorf("SELECT: got %d messages, UIDNEXT %d; want 4, 5", selected.NumMessages, selected.UIDNext)
	}
	messages := must[[]*imapclient.FetchMessageBuffer](t, "FETCH")(c.Fetch(imap.SeqSetNum(2), &imap.FetchOptions{
		Envelope: true, Flags: true, UID: true, RFC822Size: true, InternalDate: true,
		BodyStructure: &imap.FetchItemBodyStructure{Extended: true},
		BodySection:   []*imap.FetchItemBodySection{{Peek: true}, {Part: []int{2}, Peek: true}},
		BinarySection: []*imap.FetchItemBinarySection{{Part: []int{1}, Peek: true}},
	}).Collect())
	if len(messages) != 1 {
		t.Fatalf("FETCH: got %d messages, want 1", len(messages))
	}
	m := messages[0]
	whole := strings.ReplaceAll(multipartMessage, "\n", "\r\n")
	if got := m.FindBodySection(&imap.FetchItemBodySection{Peek: true}); string(got) != whole {
		t.Errorf("BODY[]: got %q, want %q", got, whole)
	}
	if got := m.FindBodySection(&imap.FetchItemBodySection{Part: []int{2}, Peek: true}); string(got) != "AAECAw==" {
		t.Errorf("BODY[2]: got %q, want base64", got)
	}
	if got := m.FindBinarySection(&imap.FetchItemBinarySection{Part: []int{1}, Peek: true}); string(got) != "Grüße aus Wien" {
		t.Errorf("BINARY[1]: got %q, want the text decoded", got)
	}
	if m.Envelope.Subject != "Grüße" || m.UID != 2 || m.RFC822Size != int64(len(whole)) || !m.InternalDate.Equal(testDate()) {
		t.Errorf("FETCH: got %q, UID %d, size %d, date %v", m.Envelope.Subject, m.UID, m.RFC822Size, m.InternalDate)
	}
	if multi, ok := m.BodyStructure.(*imap.BodyStructureMultiPart); !ok || len(multi.Children) != 2 || multi.Subtype != "mixed" {
		t.Errorf("BODYSTRUCTURE: got %#v, want multipart/mixed of two", m.BodyStructure)
	}
}

func TestClientChanges(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.fixture()
	c := b.newClient(nil)
	must[*imap.SelectData](t, "SELECT")(c.Select("INBOX", nil).Wait())
	text := "Subject: appended\r\n\r\nbody\r\n"
	appending := c.Append("INBOX", int64(len(text)), &imap.AppendOptions{Flags: []imap.Flag{imap.FlagSeen}, Time: testDate()})
	if _, err := io.WriteString(appending, text); err != nil {
		t.Fatal(err)
	}
	if err := appending.Close(); err != nil {
		t.Fatal(err)
	}
	if data := must[*imap.AppendData](t, "APPEND")(appending.Wait()); data.UID != 5 {
		t.Errorf("APPENDUID: got %d, want 5", data.UID)
	}
	found := must[*imap.SearchData](t, "SEARCH")(c.UIDSearch(&imap.SearchCriteria{
		Header: []imap.SearchCriteriaHeaderField{{Key: "Subject", Value: "appended"}}, Smaller: 100,
	}, &imap.SearchOptions{ReturnAll: true, ReturnCount: true}).Wait())
	if got := found.AllUIDs(); !slices.Equal(got, []imap.UID{5}) || found.Count != 1 {
		t.Errorf("SEARCH: got %v, want 5", got)
	}
	copied := must[*imap.CopyData](t, "COPY")(c.Copy(imap.SeqSetNum(1, 5), "Archive").Wait())
	if got := copied.SourceUIDs.String(); got != "1,5" {
		t.Errorf("COPYUID: got source %s, want 1,5", got)
	}
	moved := must[*imapclient.MoveData](t, "MOVE")(c.Move(imap.UIDSetNum(5), "Trash").Wait())
	if got := moved.DestUIDs.String(); got != "1" {
		t.Errorf("MOVE: got destination %s, want 1", got)
	}
	stored := must[[]*imapclient.FetchMessageBuffer](t, "STORE")(c.Store(imap.SeqSetNum(1), &imap.StoreFlags{Op: imap.StoreFlagsAdd, Flags: []imap.Flag{imap.FlagDeleted}}, nil).Collect())
	if len(stored) != 1 || !slices.Contains(stored[0].Flags, imap.FlagDeleted) {
		t.Errorf("STORE: got %v, want one message with \\Deleted", stored)
	}
	if got := must[[]uint32](t, "EXPUNGE")(c.Expunge().Collect()); !slices.Equal(got, []uint32{4, 1}) {
		t.Errorf("EXPUNGE: got %v, want 4 and 1", got)
	}
	if err := c.Create("Täglich", nil).Wait(); err != nil {
		t.Fatalf("CREATE: %v", err)
	}
	listed := must[[]*imap.ListData](t, "LIST")(c.List("", "T*", &imap.ListOptions{ReturnStatus: &imap.StatusOptions{NumMessages: true}}).Collect())
	if len(listed) != 2 || listed[0].Mailbox != "Trash" || *listed[0].Status.NumMessages != 1 || listed[1].Mailbox != "Täglich" {
		t.Errorf("LIST: got %+v, want Trash and Täglich", listed)
	}
}

// TestClientIdle: what happens is pushed at once, without a timer in between:
// the bubble's clock stands still meanwhile.
func TestClientIdle(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testClientIdle)
}

func testClientIdle(t *testing.T) {
	b := newBox(t)
	b.fixture()
	news := make(chan uint32, 10)
	c := b.newClient(&imapclient.Options{UnilateralDataHandler: &imapclient.UnilateralDataHandler{
		Mailbox: func(data *imapclient.UnilateralDataMailbox) {
			if data.NumMessages != nil {
				news <- *data.NumMessages
			}
		},
	}})
	must[*imap.SelectData](t, "SELECT")(c.Select("INBOX", nil).Wait())
	idle := must[*imapclient.IdleCommand](t, "IDLE")(c.Idle())
	start := time.Now()
	b.put("INBOX", nilFlags(), plainMessage)
	select {
	case n := <-news:
		if d := time.Since(start); n != 5 || d != 0 {
			t.Errorf("pushed %d messages after %v, want 5 at once", n, d)
		}
	case <-time.After(5 * time.Second):
		t.Fatal("nothing was pushed")
	}
	if err := idle.Close(); err != nil {
		t.Fatal(err)
	}
	if err := idle.Wait(); err != nil {
		t.Fatal(err)
	}
}

// TestClientLarge: a message as large as may be comes out as it went in.
func TestClientLarge(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	c := b.newClient(nil)
	text := append([]byte("Subject: large\r\n\r\n"), bytes.Repeat([]byte("0123456789abcdef\xff\xfe\r\n"), 50_000)...)
	appending := c.Append("INBOX", int64(len(text)), nil)
	if _, err := appending.Write(text); err != nil {
		t.Fatal(err)
	}
	if err := appending.Close(); err != nil {
		t.Fatal(err)
	}
	must[*imap.AppendData](t, "APPEND")(appending.Wait())
	must[*imap.SelectData](t, "SELECT")(c.Select("INBOX", nil).Wait())
	section := &imap.FetchItemBodySection{}
	got := must[[]*imapclient.FetchMessageBuffer](t, "FETCH")(c.Fetch(imap.SeqSetNum(1), &imap.FetchOptions{BodySection: []*imap.FetchItemBodySection{section}}).Collect())
	if !bytes.Equal(got[0].FindBodySection(section), text) {
		t.Error("BODY[] is not what was appended")
	}
}
