package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestKeywordsFull: at the bound, of numbers or of bytes, a new combination is
// refused in words, the known ones go on, and so does reading a log that was
// written with other bounds.
func TestKeywordsFull(t *testing.T) {
	t.Parallel()
	for name, names := range map[string]func(i int) []string{
		"numbers": func(i int) []string { return []string{fmt.Sprintf("k%d", i)} },
		"bytes":   func(i int) []string { return []string{fmt.Sprint(i), strings.Repeat("k", 250)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := newKeywords()
			given := 0
			for {
				n, err := k.give(names(given))
				if err != nil {
					if !errors.Is(err, mail.ErrKeywords) || !errors.Is(err, mail.ErrTooMany) {
						t.Errorf("give = %v; want ErrKeywords", err)
					}
					break
				}
				if given++; int(n) != given {
					t.Fatalf("combination %d has number %d", given, n)
				}
			}
			if k.bytes > maxKeywordBytes || given > maxKeywordSets || given < 10_000 {
				t.Errorf("%d combinations of %d bytes were given", given, k.bytes)
			}
			for _, i := range []int{0, given - 1} {
				if n, err := k.give(names(i)); err != nil || int(n) != i+1 {
					t.Errorf("give of a known one = %d, %v; want %d", n, err, i+1)
				}
			}
			if n, err := k.give(nil); n != 0 || err != nil {
				t.Errorf("give of none = %d, %v", n, err)
			}
			if _, err := k.number(names(given)); (err == nil) != (given < maxKeywordSets) {
				t.Errorf("number of what the log has = %v, with %d given", err, given)
			}
		})
	}
}

// TestKeywordsFullAccount: an account at the bound takes flags without new
// combinations, and refuses others without having changed anything.
func TestKeywordsFullAccount(t *testing.T) {
	t.Parallel()
	a := bareAccount()
	for i := range maxKeywordSets {
		if _, err := a.keywords.number([]string{fmt.Sprintf("k%d", i)}); err != nil {
			t.Fatal(err)
		}
	}
	a.boxes[1].rows.put(row{uid: 1, email: 1, thread: 1})
	a.boxes[1].total, a.boxes[1].uidNext = 1, 2
	for keyword, want := range map[string]error{"k17": nil, "new": mail.ErrKeywords} {
		w := flagging{mailbox: 1, op: mail.FlagsAdd, flags: mail.NewFlags(keyword), set: everyUID()}
		if ops, err := w.prepare(newPending(a), moment{}); !errors.Is(err, want) || (len(ops) == 1) != (want == nil) {
			t.Errorf("%s: prepared %v, %v; want %v", keyword, ops, err, want)
		}
	}
}
