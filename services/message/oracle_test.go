package message

import (
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	gomessage "github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	"github.com/jhillyerd/enmime/v2"
)

// TestOracles: of messages that are well made, two other readers see the same
// leaves with the same contents.
func TestOracles(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		text := randomMessage(t, random)
		got := ourLeaves(t, text)
		if want := goMessageLeaves(t, text); got != want {
			t.Fatalf("go-message sees\n%s\nwe see\n%s\nin\n%s", want, got, text)
		}
		if want := enmimeLeaves(t, text); got != want {
			t.Fatalf("enmime sees\n%s\nwe see\n%s\nin\n%s", want, got, text)
		}
	}
}

// randomMessage makes a tree of parts, at most four levels deep.
func randomMessage(t *testing.T, random *rand.Rand) string {
	t.Helper()
	var h gomessage.Header
	h.SetText("Subject", "Grüße an alle, die dies lesen")
	h.Set("From", "Alice <alice@example.org>")
	var b bytes.Buffer
	top := randomHeader(random, 3)
	for f := h.Fields(); f.Next(); {
		top.Set(f.Key(), f.Value())
	}
	w, err := gomessage.CreateWriter(&b, top)
	if err != nil {
		t.Fatal(err)
	}
	writeRandomPart(t, random, w, top, 3)
	return b.String()
}

func randomHeader(random *rand.Rand, depth int) gomessage.Header {
	var h gomessage.Header
	if depth > 0 && random.IntN(2) == 0 {
		h.SetContentType("multipart/"+[]string{"mixed", "alternative", "related"}[random.IntN(3)], nil)
		return h
	}
	h.SetContentType([]string{"text/plain", "text/html", "application/pdf"}[random.IntN(3)], map[string]string{"charset": "utf-8"})
	h.Set("Content-Transfer-Encoding", []string{"base64", "quoted-printable"}[random.IntN(2)])
	return h
}

func writeRandomPart(t *testing.T, random *rand.Rand, w *gomessage.Writer, h gomessage.Header, depth int) {
	t.Helper()
	if typ, _, _ := h.ContentType(); strings.HasPrefix(typ, "multipart/") {
		for range 1 + random.IntN(3) {
			ch := randomHeader(random, depth-1)
			c, err := w.CreatePart(ch)
			if err != nil {
				t.Fatal(err)
			}
			writeRandomPart(t, random, c, ch, depth-1)
		}
	} else {
		fmt.Fprintf(w, "Text number %d: %s", random.IntN(1000), strings.Repeat("häuser =20 -- ", random.IntN(30)))
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}

func ourLeaves(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	for _, p := range scan(t, text).Root.All() {
		if len(p.Children) > 0 {
			continue
		}
		r, err := NewBodyReader(p, strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "%s/%s %q\n", p.Type, p.Subtype, b)
	}
	return out.String()
}

func goMessageLeaves(t *testing.T, text string) string {
	t.Helper()
	e, err := gomessage.Read(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	err = e.Walk(func(_ []int, e *gomessage.Entity, err error) error {
		if err != nil {
			return err
		}
		typ, _, err := e.Header.ContentType()
		if err != nil || strings.HasPrefix(typ, "multipart/") {
			return err
		}
		b, err := io.ReadAll(e.Body)
		fmt.Fprintf(&out, "%s %q\n", typ, b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func enmimeLeaves(t *testing.T, text string) string {
	t.Helper()
	p, err := enmime.NewParser(enmime.DisableCharacterDetection(true)).ReadParts(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	p.DepthMatchAll(func(p *enmime.Part) bool {
		if p.FirstChild == nil {
			fmt.Fprintf(&out, "%s %q\n", p.ContentType, p.Content)
		}
		return false
	})
	return out.String()
}
