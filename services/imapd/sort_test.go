package imapd

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// sortedMessage is a message of which is known what it is sorted by.
type sortedMessage struct {
	text    string
	numbers map[sortField]int64
	texts   map[sortField]string
}

// randomSorted makes a message with few different values in its fields, some of
// which it lacks.
func randomSorted(r *rand.Rand) sortedMessage {
	m := sortedMessage{numbers: map[sortField]int64{}, texts: map[sortField]string{}}
	var b strings.Builder
	for _, field := range []string{"From", "To", "Cc"} {
		if r.IntN(5) == 0 {
			continue
		}
		local, name := []string{"bob", "Bob", "ann", "zoe"}[r.IntN(4)], []string{"", "Zacharias", "ädam", "ANNA"}[r.IntN(4)]
		m.texts[sortField(strings.ToUpper(field))] = strings.ToUpper(local)
		shown := map[string]string{"": strings.ToUpper(local) + "@EXAMPLE.ORG", "Zacharias": "ZACHARIAS", "ädam": "A\u0308DAM", "ANNA": "ANNA"}[name]
		if field != "Cc" {
			m.texts[sortField("DISPLAY"+strings.ToUpper(field))] = shown
		}
		if name == "ädam" {
			name = "=?utf-8?q?=C3=A4dam?="
		}
		fmt.Fprintf(&b, "%s: %s <%s@example.org>, other@example.org\n", field, name, local)
	}
	subject := []string{"apple", "Banana", "cherry pie", ""}[r.IntN(4)]
	m.texts["SUBJECT"] = strings.ToUpper(subject)
	mark := []string{"", "Re: ", "[list] ", "Fwd: Re: "}[r.IntN(4)]
	if subject == "" && mark == "[list] " {
		m.texts["SUBJECT"] = "[LIST]" // all that there is
	}
	fmt.Fprintf(&b, "Subject: %s%s%s\n", mark, subject, []string{"", " (fwd)"}[r.IntN(2)])
	m.numbers["ARRIVAL"] = testDate().Unix()
	m.numbers["DATE"] = testDate().Unix()
	if r.IntN(4) > 0 {
		sent := time.Unix(1_700_000_000+int64(r.IntN(4))*3600, 0)
		m.numbers["DATE"] = sent.Unix()
		zone := time.FixedZone("", (r.IntN(5)-2)*3600)
		fmt.Fprintf(&b, "Date: %s\n", sent.In(zone).Format(time.RFC1123Z))
	}
	b.WriteString("\n" + strings.Repeat("x\n", r.IntN(3)))
	m.text = b.String()
	m.numbers["SIZE"] = int64(len(strings.ReplaceAll(m.text, "\n", "\r\n")))
	return m
}

// before says whether a message comes before another by the letter of RFC 5256.
func (m sortedMessage) before(other sortedMessage, by []sortKey) bool {
	for _, k := range by {
		a, b := m, other
		if k.reverse {
			a, b = other, m
		}
		switch {
		case a.numbers[k.field] < b.numbers[k.field], a.texts[k.field] < b.texts[k.field]:
			return true
		case a.numbers[k.field] > b.numbers[k.field], a.texts[k.field] > b.texts[k.field]:
			return false
		}
	}
	return false
}

// TestSortRandom compares sorting with a plain one: each message goes before the
// first that it has to be before.
func TestSortRandom(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(2, 5256))
	b := newBox(t)
	var messages []sortedMessage
	for range 60 {
		m := randomSorted(r)
		messages = append(messages, m)
		b.put("INBOX", mail.Flags{}, m.text)
	}
	s := &session{account: b.account, view: &view{mailbox: b.mailbox("INBOX").ID}}
	for range 300 {
		var by []sortKey
		for range 1 + r.IntN(3) {
			by = append(by, sortKey{field: sortFields()[r.IntN(len(sortFields()))], reverse: r.IntN(2) == 0})
		}
		got, err := s.sort(t.Context(), mail.UIDSet{{First: 1, Last: 100}}, by)
		if err != nil {
			t.Fatal(err)
		}
		var want []mail.UID
		for i := range messages {
			at := slices.IndexFunc(want, func(uid mail.UID) bool {
				return messages[i].before(messages[uid-1], by)
			})
			if at < 0 {
				at = len(want)
			}
			want = slices.Insert(want, at, mail.UID(i+1))
		}
		if !slices.Equal(got, want) {
			t.Fatalf("by %v:\ngot  %v\nwant %v", by, got, want)
		}
	}
}

// TestPartOf: a range of a result, counted from either end, as a list and as a set
// give it.
func TestPartOf(t *testing.T) {
	t.Parallel()
	for n := range 12 {
		var all []mail.UID
		var set mail.UIDSet
		for i := range n {
			uid := mail.UID(2*i + 1 + i/4)
			all, set = append(all, uid), set.Add(uid)
		}
		for first := int64(1); first < 15; first++ {
			for last := first; last < 15; last++ {
				var front, back []mail.UID
				for i, uid := range all {
					if at := int64(i + 1); at >= first && at <= last {
						front = append(front, uid)
					}
					if at := int64(n - i); at >= first && at <= last {
						back = append(back, uid)
					}
				}
				for _, test := range []struct {
					part partOf
					want []mail.UID
				}{{partOf{first, last}, front}, {partOf{-first, -last}, back}} {
					r := result{set: set}
					piece := r.part(test.part.of(n))
					ordered := result{order: append([]mail.UID{}, all...)}
					list := ordered.part(test.part.of(n))
					if got := slices.Collect(piece.set.All()); !slices.Equal(got, test.want) || !slices.Equal(list.order, test.want) {
						t.Fatalf("%s of %d: got %v and %v, want %v", &test.part, n, got, list.order, test.want)
					}
				}
			}
		}
	}
}
