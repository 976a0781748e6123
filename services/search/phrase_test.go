package search

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestPhrases looks for pieces of texts that mix scripts with and without spaces,
// and compares with what every message says.
func TestPhrases(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	r := rand.New(rand.NewPCG(1, 1))
	letters := []rune("\u6771\u4eac\u6e2f\u30fc\u304cab\u00e9  -")
	text := func(n int) string {
		var b strings.Builder
		for range n {
			b.WriteRune(letters[r.IntN(len(letters))])
		}
		return b.String()
	}
	var subjects, bodies []string
	var messages []string
	for range 60 {
		s, b := "\u6771"+text(8)+"\u4eac", text(40)
		subjects, bodies = append(subjects, s), append(bodies, b)
		messages = append(messages, plainText(s, b))
	}
	o.append(messages...)
	found := 0
	for _, state := range []string{"fresh", "indexed"} {
		for range 400 {
			from := []rune(append(subjects, bodies...)[r.IntN(2*len(bodies))])
			at := r.IntN(len(from))
			piece := string(from[at:min(len(from), at+1+r.IntN(9))])
			ask, prefix := `"`+piece+`"`, false
			if !strings.Contains(strings.TrimSpace(piece), " ") && r.IntN(2) == 0 {
				ask, prefix = strings.TrimSpace(piece), true
			}
			want := plainTokens(piece)
			if len(want) < 2 {
				continue
			}
			var uid []mail.UID
			for i := range bodies {
				if inRow(plainTokens(foldText(subjects[i])), want, prefix) || inRow(plainTokens(foldText(bodies[i])+" x"), want, prefix) {
					uid = append(uid, mail.UID(i+1))
				}
			}
			got := uids(o.query(Ask{Text: ask, Limit: MaxHits}))
			slices.Sort(got)
			if !slices.Equal(got, uid) {
				t.Fatalf("%s: %s (%q) found %d; want %d", state, ask, want, got, uid)
			}
			found += len(got)
		}
		o.update()
	}
	if found < 1000 {
		t.Errorf("only %d were found", found)
	}
}

// TestPlainDense shows that letters of scripts without spaces are their own plain
// form, and no other letter's: so they are looked for as they are.
func TestPlainDense(t *testing.T) {
	t.Parallel()
	for r := range utf8.MaxRune + 1 {
		if !utf8.ValidRune(r) {
			continue
		}
		from := string(r)
		switch to := string(plain(nil, []byte(from))); {
		case kindOf(r) == dense && to != from:
			t.Errorf("plain form of %U is %q", r, to)
		case kindOf(r) != dense && to != "" && denseOnly(to):
			t.Errorf("plain form of %U is %q", r, to)
		}
	}
}
