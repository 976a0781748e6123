package message

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func TestStored(t *testing.T) {
	t.Parallel()
	const prefix = "Return-Path: <>\r\nDelivered-To: alice@example.test\r\n"
	body := crlf(multipart("b", "\none", "Content-Type: message/rfc822\n\nSubject: in\n\n"+"two"))
	whole := prefix + body
	d := scan(t, body)
	before := string(d.AppendBinary(nil))
	asked, closed := 0, 0
	s := NewStored(mail.Row{UID: 7}, []byte(prefix), strings.NewReader(body), int64(len(body)),
		func() (*Digest, error) { asked++; return d, nil },
		func() error { closed++; return nil })
	if err := iotest.TestReader(s.Reader(), []byte(whole)); err != nil {
		t.Error(err)
	}
	for range 2 {
		got, err := s.Digest()
		if err != nil {
			t.Fatal(err)
		}
		// The message scanned as one is what the joined digest must say.
		if want := scan(t, whole); string(got.AppendBinary(nil)) != string(want.AppendBinary(nil)) {
			t.Errorf("joined digest\n got %s\nwant %s", outline(&got.Root), outline(&want.Root))
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if string(d.AppendBinary(nil)) != before {
		t.Error("the body's own digest has been changed")
	}
	if asked != 1 || closed != 1 || s.Size() != int64(len(whole)) {
		t.Errorf("digest asked %d times, closed %d times, size %d; want 1, 1, %d", asked, closed, s.Size(), len(whole))
	}
}

func TestStoredShortBody(t *testing.T) {
	t.Parallel()
	s := NewStored(mail.Row{}, []byte("A: b\r\n"), strings.NewReader("short"), 100, nil, nil)
	if _, err := io.ReadAll(s.Reader()); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("reading a body that is shorter than the index says: %v; want ErrUnexpectedEOF", err)
	}
	if _, err := s.ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("ReadAt(-1) succeeded")
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	const text = "From bob\r\nSubject: a\r\n b\nX-Y : z\r\n\r\nbody: no\r\n"
	var got []string
	for f, err := range Fields(strings.NewReader(text), 1000) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, f.Name+"|"+f.Value()+"|"+string(f.Raw))
	}
	want := "||From bob\r\n;Subject|a b|Subject: a\r\n b\n;X-Y|z|X-Y : z\r\n"
	if strings.Join(got, ";") != want {
		t.Errorf("got  %q\nwant %q", strings.Join(got, ";"), want)
	}
	for _, test := range []struct {
		text  string
		limit int64
		want  error
	}{
		{"A: b\r\nC: d\r\n\r\n", 14, nil},
		{"A: b\r\nC: d\r\n\r\n", 13, ErrHeaderTooLong},
		{"A: b", 4, nil},
		{"A: b", 3, ErrHeaderTooLong},
		{"\r\nA: b\r\n", 2, nil},
		{"", 0, nil},
	} {
		var last error
		for _, err := range Fields(strings.NewReader(test.text), test.limit) {
			last = err
		}
		if !errors.Is(last, test.want) {
			t.Errorf("%q, at most %d bytes: %v; want %v", test.text, test.limit, last, test.want)
		}
	}
	broken := errors.New("disk on fire")
	for _, err := range Fields(iotest.ErrReader(broken), 10) {
		if !errors.Is(err, broken) {
			t.Errorf("error %v; want that of the disk", err)
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add("A: b\r\n c\r\n\r\nbody", int64(100))
	f.Fuzz(func(t *testing.T, text string, limit int64) {
		limit = max(0, min(limit, 1<<20))
		var all strings.Builder
		for f, err := range Fields(strings.NewReader(text), limit) {
			if err != nil {
				return
			}
			f.Value()
			all.Write(f.Raw)
		}
		if !strings.HasPrefix(text, all.String()) || int64(all.Len()) > limit {
			t.Errorf("%q, at most %d: the fields together are %q", text, limit, all.String())
		}
	})
}

func TestFind(t *testing.T) {
	t.Parallel()
	text := multipart("b", "\none", "Content-Type: message/rfc822\n\n"+multipart("c", "\ntwo", "\nthree"), "Content-Type: message/rfc822\n\nA: b\n\nfour")
	root := &scan(t, text).Root
	for _, test := range []struct {
		path []int
		want string
	}{
		{nil, "multipart/mixed"}, {[]int{1}, "one"}, {[]int{1, 1}, "-"}, {[]int{2}, "message/rfc822"},
		{[]int{2, 1}, "two"}, {[]int{2, 2}, "three"}, {[]int{2, 3}, "-"}, {[]int{3, 1}, "four"}, {[]int{3, 1, 1}, "-"},
		{[]int{0}, "-"}, {[]int{4}, "-"}, {[]int{3, 2}, "-"},
	} {
		got := "-"
		if p, ok := root.Find(test.path...); ok && len(p.Children) == 0 && p.Message == nil {
			got = text[p.BodyOffset : p.BodyOffset+p.BodyLen]
		} else if ok {
			got = p.Type + "/" + p.Subtype
		}
		if got != test.want {
			t.Errorf("Find(%v) = %s; want %s", test.path, got, test.want)
		}
	}
	// What All calls a part, Find finds.
	for path, p := range root.All() {
		if p == &root.Children[1].Message.Root {
			continue // a multipart root shares its carrier's numbers
		}
		if got, ok := root.Find(path...); !ok || got != p {
			t.Errorf("All calls %s/%s %v; Find gives %v, %v", p.Type, p.Subtype, path, got, ok)
		}
	}
	for range root.All() {
		break
	}
}
