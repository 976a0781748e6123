package search

import (
	"bytes"
	"context"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/store/match"
)

// built is a segment of these texts, each the body of one document.
func built(t testing.TB, texts ...string) (words, lists []byte, length int64) {
	t.Helper()
	b := newBuilder()
	for i, text := range texts {
		b.begin(doc{email: uint32(i + 1)})
		e := extraction{b: b}
		var next uint32
		words := e.stream(partText, inBody, &next)
		words.write([]byte(text))
		words.end()
		e.value(match.Fold(text), inSubject)
		b.add(partName, []byte("x-name"), inOther, nil)
	}
	var w, l bytes.Buffer
	s := newSegmentWriter(&w, &l, 1)
	if err := b.write(s); err != nil {
		t.Fatal(err)
	}
	return w.Bytes(), l.Bytes(), s.words.length
}

// FuzzContains looks for any text in any other, in pieces of any size.
func FuzzContains(f *testing.F) {
	for _, s := range odd() {
		f.Add(s, "thank you", 7)
		f.Add(s, s[len(s)/2:], 1)
	}
	f.Add("", "", 0)
	f.Fuzz(func(t *testing.T, text, part string, cut int) {
		if len(text) > 2000 || len(part) > 200 {
			return
		}
		// A reader of text gives UTF-8; a scan folds what isn't to U+FFFD.
		text, part = strings.ToValidUTF8(text, "\ufffd"), match.Fold(strings.ToValidUTF8(part, "\ufffd"))
		words, lists, length := built(t, text, text[:min(len(text), max(0, cut))])
		s, err := openSegment(bytes.NewReader(words), bytes.NewReader(lists), length, 1)
		if err != nil {
			t.Fatal(err)
		}
		yes, maybe, err := s.ask(context.Background()).contains(partText, cutNeedle(part), inBody)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Contains(match.Fold(text), part)
		if yes.has(0) && !want || want && !yes.has(0) && !maybe.has(0) {
			t.Errorf("%q in %q: yes %t, maybe %t; want %t", part, text, yes.has(0), maybe.has(0), want)
		}
	})
}

// FuzzSegment opens and reads any bytes as a segment whose checksums are right.
func FuzzSegment(f *testing.F) {
	words, lists, length := built(f, odd()...)
	plainWords := make([]byte, length)
	if err := (&pages{bytes.NewReader(words), 1, length}).read(plainWords, 0); err != nil {
		f.Fatal(err)
	}
	s, err := openSegment(bytes.NewReader(words), bytes.NewReader(lists), length, 1)
	if err != nil {
		f.Fatal(err)
	}
	plainLists := make([]byte, s.lists.length)
	if err := s.lists.read(plainLists, 0); err != nil {
		f.Fatal(err)
	}
	f.Add(plainWords, plainLists)
	f.Fuzz(func(t *testing.T, words, lists []byte) {
		page := func(b []byte, salt uint64) *bytes.Reader {
			var out bytes.Buffer
			w := pageWriter{w: &out, salt: salt}
			_, _ = w.Write(b)
			_ = w.flush()
			return bytes.NewReader(out.Bytes())
		}
		s, err := openSegment(page(words, 1), page(lists, ^uint64(1)), int64(len(words)), 1)
		if err != nil || len(s.docs) > 1<<16 {
			return
		}
		a := s.ask(context.Background())
		for _, text := range []string{"thank you", "a", "\u4f1a\u8b70", "x"} {
			for _, leaf := range []match.Text{{Body: true, Folded: text}, {Folded: text}, {Field: "Subject", Folded: text}, {Field: "X-Name", Folded: text}} {
				_, _, _ = a.leaf(leaf)
			}
		}
		var w, l bytes.Buffer
		_ = merge(context.Background(), newSegmentWriter(&w, &l, 2), []*segment{s, s}, func(*doc) bool { return true }, func() {})
	})
}

// FuzzManifest reads any bytes as a manifest, with the right checksum too.
func FuzzManifest(f *testing.F) {
	m := manifest{modSeq: 9, next: 4, segments: []segmentName{{1, 2, 3}, {2, 1 << 60, 1 << 40}}}
	f.Add(m.encode())
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _ = decodeManifest(b)
		b = append(b[:len(b):len(b)], 0, 0, 0, 0)
		binary.LittleEndian.PutUint32(b[len(b)-4:], crc32.Checksum(b[:len(b)-4], crc32.MakeTable(crc32.Castagnoli)))
		if m, err := decodeManifest(b); err == nil {
			if again, err := decodeManifest(m.encode()); err != nil || again.modSeq != m.modSeq || len(again.segments) != len(m.segments) {
				t.Errorf("%+v became %+v, %v", m, again, err)
			}
		}
	})
}
