package search

import (
	"archive/zip"
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// gauge is a context that measures what is held in memory whenever it is asked
// whether to go on, which the indexing does all the time.
type gauge struct {
	context.Context
	from, most int64
	asked      int
}

func (g *gauge) Err() error {
	if g.asked++; g.asked%64 == 0 {
		g.most = max(g.most, memory()-g.from)
	}
	return g.Context.Err()
}

// TestHostile indexes what was made to fill the memory: of the 160 MiB of the mail
// service the indexing never holds more than a half.
func TestHostile(t *testing.T) {
	archive := func(names func(z *zip.Writer)) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		names(z)
		_ = z.Close()
		return b.Bytes()
	}
	add := func(z *zip.Writer, name string, size int) {
		w, _ := z.Create(name)
		block := bytes.Repeat([]byte("<w:t>bomb</w:t> "), 1<<12)
		for ; size > 0; size -= len(block) {
			_, _ = w.Write(block)
		}
	}
	unique := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, "%x\r\n", i*2654435761)
		}
		return b.String()
	}
	inside := func(depth int) string {
		text := "Subject: deep\r\n\r\nbottom\r\n"
		for range depth {
			text = "Content-Type: message/rfc822\r\n\r\n" + text
		}
		return text
	}
	for name, text := range map[string]string{
		"a bomb": withDocument("a.docx", archive(func(z *zip.Writer) { add(z, "word/document.xml", 100<<20) })),
		"many bombs": withDocument("a.pptx", archive(func(z *zip.Writer) {
			for i := range 50 {
				add(z, fmt.Sprintf("ppt/slides/slide%d.xml", i), 5<<20)
			}
		})),
		"a directory without end": withDocument("a.odt", archive(func(z *zip.Writer) {
			for range 60_000 {
				_, _ = z.CreateRaw(&zip.FileHeader{Name: "content.xml"})
			}
		})),
		"bombs in bombs": withDocument("a.docx", archive(func(z *zip.Writer) {
			w, _ := z.Create("word/document.xml")
			_, _ = w.Write(archive(func(z *zip.Writer) { add(z, "word/document.xml", 10<<20) }))
		})),
		"words without end":        plainText("words", unique(300_000)),
		"a header of words":        "X-Words: " + strings.ReplaceAll(unique(90_000), "\r\n", "\r\n ") + "\r\n\r\nx\r\n",
		"one word":                 plainText("word", strings.Repeat("endless", 1<<20)),
		"one tag":                  "Content-Type: text/html\r\n\r\n<p " + strings.Repeat("a='b' ", 1<<20),
		"messages within messages": inside(2000),
	} {
		o := newOffice(t)
		o.append(text)
		u := updating{ix: o.ix, b: newBuilder(), box: o.box, a: &account{id: anna, files: o.files, dir: "a", open: true}}
		g := &gauge{Context: o.ctx, from: memory()}
		began := time.Now()
		o.ok(u.all(g))
		g.most = max(g.most, memory()-g.from)
		t.Logf("%s: %d KiB in %s", name, g.most>>10, time.Since(began).Round(time.Millisecond))
		if g.most > 80<<20 {
			t.Errorf("%s: %d MiB were held; want 80 at most", name, g.most>>20)
		}
		o.same(mail.Text{Text: "bottom"})
	}
}

// TestBuffer indexes thousands of messages, none of whose words is in another: a
// segment is written whenever there is enough for one.
func TestBuffer(t *testing.T) {
	o := newOffice(t)
	b := newBuilder()
	u := updating{ix: o.ix, b: b, a: &account{id: anna, files: o.files, dir: "a", open: true}}
	from, most := memory(), int64(0)
	for i := range 40 {
		u.b.begin(doc{email: uint32(i + 1)})
		e := extraction{ctx: o.ctx, b: u.b}
		var next uint32
		words := e.stream(partText, inBody, &next)
		for k := range 5_000 {
			words.write(fmt.Appendf(nil, "w%dx%d ", i, k))
		}
		words.end()
		if i%4 == 0 {
			most = max(most, memory()-from)
		}
		if u.b.size >= buildMemory {
			o.ok(u.flush())
			most = max(most, memory()-from)
		}
	}
	if n := len(u.a.segments); n < 1 || most > 64<<20 {
		t.Errorf("%d segments, %d MiB held; want some, and 64 at most", n, most>>20)
	}
}

// TestLargest holds that segments of the largest size are not made one, and are
// written anew when most of what is in them is gone.
func TestLargest(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	sized := func(sizes ...int) (list []*segment) {
		for _, n := range sizes {
			list = append(list, &segment{docs: make([]doc, n)})
		}
		return list
	}
	for _, c := range []struct {
		sizes []int
		want  int
	}{
		{[]int{1, 2, 3}, 0}, {[]int{1, 2, 3, 4}, 4}, {[]int{1000, 1, 2, 3, 4}, 4}, {[]int{1000, 1000, 1000, 1000, 7}, 5},
		{[]int{70_000, 70_000, 70_000, 70_000}, 0}, {[]int{200_000, 20_000, 20_000, 20_000, 20_000}, 4},
	} {
		if got := len(overfull(sized(c.sizes...))); got != c.want {
			t.Errorf("of segments of %d messages %d become one; want %d", c.sizes, got, c.want)
		}
	}
	o.append(small(1))
	o.update()
	a := o.ix.accounts[anna]
	for _, n := range []int{70_000, 300, 300, 300, 300} {
		s, err := a.create(func(w *segmentWriter) error {
			b := newBuilder()
			for i := range n {
				b.begin(doc{email: uint32(1000 + i), check: uint32(n)})
				b.add(partText, []byte("gone"), inSubject, nil)
			}
			return b.write(w)
		})
		o.ok(err)
		o.ok(a.exchange(nil, []*segment{s}, a.manifest.modSeq))
	}
	// The smallest stands first, where no merge finds it: as after a rebuild.
	u := updating{ix: o.ix, a: a, box: o.box, b: newBuilder()}
	o.ok(u.merge(o.ctx))
	if got := o.indexed(); got != 1 {
		t.Errorf("%d messages are indexed in %d segments; want the only one that there is", got, len(a.segments))
	}
	o.same(mail.Body{Text: "body1"})
}
