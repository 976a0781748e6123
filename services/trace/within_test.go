package trace

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// ofB is what the administrator of b.test alone sees.
var ofB = Within{Limited: true, Domains: []string{"b.test"}}

// twoDomains logs mail of an office with two domains and gives its IDs by subject.
func twoDomains(b *Book) map[string]mail.ID {
	l := slog.New(b.Handler(slog.DiscardHandler))
	ids := map[string]mail.ID{}
	at := noon
	comes := func(subject, login, from string, account, to []string, outside int) mail.ID {
		at = at.Add(time.Minute)
		id := mail.NewID(at)
		ids[subject] = id
		l.Info("message received", "verb", "receive", "id", id, "from", from, "peer", "192.0.2.9", "login", login, "recipients", len(to))
		l.Info("message judged", "verb", "judge", "id", id, "junk", false)
		l.Info("message delivered", "verb", "commit", "id", id, "mailboxes", len(account), "outside", outside,
			slog.Group(Private, "account", account, "folder", "INBOX", "from", from, "subject", subject, "recipients", len(to), "to", to))
		return id
	}
	one := func(a ...string) []string { return a }
	comes("Theirs alone", "", "x@far.test", one("alice@a.test"), one("alice@a.test"), 0)
	comes("To Bob", "", "x@far.test", one("bob@b.test"), one("Bob@B.TEST"), 0)
	id := comes("To both", "carol@a.test", "carol@a.test", one("alice@a.test", "bob@b.test"), one("alice@a.test", "bob@b.test", "y@far.test"), 1)
	l.Info("message tried", "verb", "attempt", "id", id, "item", mail.ID{7}, "to", "y@far.test", "hop", "far.test", "state", "queued", "reply", "452 y@far.test is full")
	l.Info("waiting message retried", "id", id, "item", mail.ID{7}.String(), "by", "admin@a.test")
	fetched := func(account, owner string) {
		l.Info("messages fetched", "verb", "fetch", "account", account, "owner", owner, slog.Group(Private, "messages", []mail.Traced{{ID: id}}))
	}
	fetched("alice@a.test", "")
	fetched("bob@b.test", "")
	fetched("bob@b.test", "alice@a.test")
	fetched("alice@a.test", "bob@b.test")
	id = comes("From Bob", "bob@b.test", "bob@b.test", one("alice@a.test"), one("alice@a.test", "y@far.test"), 2)
	l.Info("message tried", "verb", "attempt", "id", id, "item", mail.ID{8}, "to", "y@far.test", "hop", "far.test", "state", "queued")
	l.Info("waiting message retried", "id", id, "item", mail.ID{8}.String(), "by", "admin@a.test")
	l.Info("message tried", "verb", "attempt", "id", id, "item", mail.ID{9}, "to", "alices@elsewhere.test", "hop", "elsewhere.test", "state", "queued")
	l.Info("waiting message held", "id", id, "item", mail.ID{9}.String(), "by", "admin@a.test")
	comes("Written as Bob by no word but the author's", "", "x@far.test", one("alice@a.test"), one("alice@a.test"), 0)
	l.Info("message judged", "verb", "judge", "id", ids["Written as Bob by no word but the author's"], "author", "bob@b.test")
	comes("To one in notb.test", "", "x@notb.test", one("alice@a.test"), one("b.test@a.test"), 0)
	l.Info("recipient refused", "verb", "accept", "peer", "192.0.2.9", "from", "x@far.test", "to", "nobody@b.test", "err", "no such address")
	l.Info("recipient refused", "verb", "accept", "peer", "192.0.2.9", "from", "x@far.test", "to", "nobody@a.test", "err", "no such address")
	b.Add(summed(at, at, 7, Pair{"peer", "192.0.2.9"}, Pair{"from", "bob@b.test"}))
	return ids
}

// told is what a list tells of, by the subjects or else the recipients.
func told(list []Message) (subjects []string) {
	for _, m := range list {
		name := ""
		for _, s := range m.Steps {
			name = max(name, s.Get("subject"))
		}
		if name == "" {
			name = m.Steps[0].Get("to")
		}
		subjects = append(subjects, name)
	}
	slices.Sort(subjects)
	return subjects
}

// TestWithin: whoever looks after one domain finds what concerns it, and by no word, place
// or time anything else.
func TestWithin(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	twoDomains(b)
	all := []string{"From Bob", "To Bob", "To both", "nobody@b.test"}
	check := func(when string) {
		t.Helper()
		for text, want := range map[string][]string{
			"": all, "b.test": all, "far.test": {"From Bob", "To Bob", "nobody@b.test"},
			"alone": nil, "Theirs": nil, "alice@a.test": {"From Bob"}, "nobody@a.test": nil, "elsewhere.test": nil, "alices": nil, "admin@a.test": nil,
			"192.0.2.9": {"From Bob", "To Bob", "nobody@b.test"}, "carol": {"To both"}, "carol@a.test alice": nil,
			"bob": {"From Bob", "To Bob", "To both"}, "y@far.test": {"From Bob"}, "author": nil, "notb.test": nil,
			strings.ToLower(mail.ID{7}.String()): nil, mail.ID{8}.String(): {"From Bob"}, mail.ID{9}.String(): nil,
		} {
			for _, limit := range []int{0, 1} {
				var found []Message
				for q := (Query{Text: text, Within: ofB, Limit: limit}); ; {
					some, next, err := b.Find(t.Context(), q)
					if err != nil {
						t.Fatal(err)
					}
					found = append(found, some...)
					if q.After = next; next == (Place{}) {
						break
					}
				}
				if got := told(found); !slices.Equal(got, want) {
					t.Errorf("%s, %q, limit %d: found %q, want %q", when, text, limit, got, want)
				}
			}
		}
	}
	check("in the current file")
	b.disk.Lock()
	err := b.roll()
	b.disk.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	check("in a segment")
	// From wherever somebody says that an answer has ended, there are the same ones.
	for number := range uint32(60) {
		for _, limit := range []int{1, 50} {
			found, _, err := b.Find(t.Context(), Query{Text: "", Within: ofB, After: Place{1, number}, Limit: limit})
			if got := told(found); err != nil || slices.ContainsFunc(got, func(s string) bool { return !slices.Contains(all, s) }) {
				t.Errorf("behind step %d: found %q, %v", number, got, err)
			}
		}
	}
	for _, w := range []Within{{Limited: true}, {Limited: true, Domains: []string{"c.test"}}, {Limited: true, Domains: []string{"test"}}, {Limited: true, Domains: []string{""}}} {
		if found, _, err := b.Find(t.Context(), Query{Within: w}); err != nil || len(found) != 0 {
			t.Errorf("%+v: found %q, %v; want nothing", w, told(found), err)
		}
	}
	if found, _, err := b.Find(t.Context(), Query{}); err != nil || len(found) != 9 {
		t.Errorf("who may see all finds %d, %v; want 9", len(found), err)
	}
}

// TestStepsWithin: of a message, what concerns the domain is told, and nobody else named.
func TestStepsWithin(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	ids := twoDomains(b)
	show := func(m Message, err error) string {
		if err != nil {
			t.Fatal(err)
		}
		var text strings.Builder
		for _, s := range m.Steps {
			fmt.Fprintln(&text, s.What)
			for _, p := range s.Pairs {
				fmt.Fprintln(&text, "", p.Name, p.Value)
			}
		}
		return text.String()
	}
	of := func(subject string) string { return show(b.StepsWithin(t.Context(), ids[subject], ofB)) }
	for _, subject := range []string{"Theirs alone", "Written as Bob by no word but the author's", "To one in notb.test", "no such"} {
		if got := of(subject); got != "" {
			t.Errorf("%s: told is %s", subject, got)
		}
	}
	both := of("To both")
	for _, hidden := range []string{"alice", "y@far.test", "tried", "retried", mail.ID{7}.String(), "192.0.2.9", "login", "outside 1", "recipients 3", "recipients 0", "mailboxes 2"} {
		if strings.Contains(strings.Replace(both, "account alice@a.test\n owner bob@b.test", "", 1), hidden) {
			t.Errorf("to both: %q is told: %s", hidden, both)
		}
	}
	for _, seen := range []string{"subject To both", "from carol@a.test", "account bob@b.test", "to bob@b.test", "recipients 1", "mailboxes 1", "account alice@a.test\n owner bob@b.test"} {
		if !strings.Contains(both, seen) {
			t.Errorf("to both: %q is not told: %s", seen, both)
		}
	}
	if n := strings.Count(both, "messages fetched"); n != 2 {
		t.Errorf("to both: %d fetches are told, want Bob's own and that of his mail: %s", n, both)
	}
	from := of("From Bob")
	for _, hidden := range []string{"account alice", "elsewhere", mail.ID{9}.String(), "held", "folder"} {
		if strings.Contains(from, hidden) {
			t.Errorf("from Bob: %q is told: %s", hidden, from)
		}
	}
	for _, seen := range []string{"to alice@a.test", "to y@far.test", "recipients 2", "outside 1", "mailboxes 0", "waiting message retried", mail.ID{8}.String(), "peer 192.0.2.9"} {
		if !strings.Contains(from, seen) {
			t.Errorf("from Bob: %q is not told: %s", seen, from)
		}
	}
	if got, want := show(b.StepsWithin(t.Context(), ids["From Bob"], Within{})), show(b.Steps(t.Context(), ids["From Bob"])); got != want || !strings.Contains(got, "elsewhere") {
		t.Errorf("who may see all sees %s, want %s", got, want)
	}
}

// TestWithinManyRecipients: a list in several parts tells of each domain's own alone.
func TestWithinManyRecipients(t *testing.T) {
	t.Parallel()
	b := newBook(t)
	id := mail.NewID(noon)
	to := manyRecipients(b, id, 3000)
	w := Within{Limited: true, Domains: []string{"far007.example.test"}}
	want := slices.DeleteFunc(slices.Clone(to), func(a string) bool { return !strings.HasSuffix(a, "@far007.example.test") })
	m, err := b.StepsWithin(t.Context(), id, w)
	if err != nil || len(m.Steps) != 1 || !slices.Equal(m.Steps[0].All("to"), want) || len(m.Steps[0].All("subject")) != 1 {
		t.Errorf("told is %+v, %v; want %q", m.Steps, err, want)
	}
	for text, n := range map[string]int{want[0]: 1, want[len(want)-1] + " summer": 1, to[0]: 0, to[2999]: 0, "party": 1} {
		if found, _, err := b.Find(t.Context(), Query{Text: text, Within: w}); err != nil || len(found) != n {
			t.Errorf("%q: found %d, %v; want %d", text, len(found), err, n)
		}
	}
}
