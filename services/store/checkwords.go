package store

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// What Check says is read by whoever looks after a box: it names the folder and
// the message as people know them, and behind each difference what stands where.

// words replaces what only this package knows by what people know.
func (c *checker) words(args []any) []any {
	for i, a := range args {
		if id, ok := a.(mail.MailboxID); ok {
			args[i] = c.folder(id)
		}
	}
	return args
}

// folder is a mailbox by its name, as far as that is known.
func (c *checker) folder(id mail.MailboxID) string {
	b, known := c.boxes[id]
	switch {
	case !known:
		return fmt.Sprintf("%s, whose name is not known,", id)
	case b.gone:
		return fmt.Sprintf("%q (%s, deleted)", b.name, id)
	}
	return fmt.Sprintf("%q (%s)", b.name, id)
}

// members says how many messages of a thread stand in which folder.
func (c *checker) members(of map[mail.MailboxID]int64) string {
	var list []string
	for _, id := range slices.Sorted(maps.Keys(of)) {
		list = append(list, fmt.Sprintf("%d in %s", of[id], c.folder(id)))
	}
	return cmp.Or(strings.Join(list, ", "), "no messages")
}

// maxRuns is how many runs of messages are named.
const maxRuns = 8

// numbered says which messages these are.
func numbered(set mail.UIDSet) string {
	var list []string
	total := uint64(0)
	for i, r := range set {
		total += uint64(r.Last) - uint64(r.First) + 1
		switch {
		case i >= maxRuns:
		case r.First == r.Last:
			list = append(list, fmt.Sprint(r.First))
		default:
			list = append(list, fmt.Sprintf("%d to %d", r.First, r.Last))
		}
	}
	if total == 1 {
		return "message " + list[0]
	}
	text := "messages " + strings.Join(list, ", ")
	if len(set) > maxRuns {
		text += " and others"
	}
	return fmt.Sprintf("%s (%d in all)", text, total)
}

// differences gathers what two places say of one thing.
type differences struct {
	other string // the place that is compared with the index
	list  []string
}

// note adds a difference, if it is one.
func (d *differences) note(what string, index, other any) {
	if index != other {
		d.list = append(d.list, fmt.Sprintf("%s (index: %v, %s: %v)", what, index, d.other, other))
	}
}

func (d *differences) String() string { return strings.Join(d.list, ", ") }

func differentCounters(place string, index, other counters) string {
	d := &differences{other: place}
	d.note("messages", index.usage.Messages, other.usage.Messages)
	d.note("bytes", index.usage.Bytes, other.usage.Bytes)
	d.note("the last change", index.modSeq, other.modSeq)
	d.note("the last folder's number", index.mailbox, other.mailbox)
	d.note("the last message's number", index.email, other.email)
	d.note("the last thread's number", index.thread, other.thread)
	d.note("the last UIDVALIDITY", index.validity, other.validity)
	d.note("whether this person was removed", index.removed, other.removed)
	d.note("when this person was removed", second(index.removedAt), second(other.removedAt))
	d.note("the change up to which what was deleted has gone", index.expired, other.expired)
	return d.String()
}

func differentBoxes(place string, index, other box) string {
	d := &differences{other: place}
	d.note("name", fmt.Sprintf("%q", index.name), fmt.Sprintf("%q", other.name))
	d.note("messages", index.total, other.total)
	d.note("unread", index.unseen, other.unseen)
	d.note("marked as deleted", index.deleted, other.deleted)
	d.note("bytes", index.size, other.size)
	d.note("whether it is deleted", index.gone, other.gone)
	d.note("use", index.role.Attribute(), other.role.Attribute())
	d.note("kind", index.kind, other.kind)
	d.note("UIDVALIDITY", index.validity, other.validity)
	d.note("the next UID", index.uidNext, other.uidNext)
	d.note("the last change of its messages", index.highest, other.highest)
	d.note("its last change", index.changed, other.changed)
	return d.String()
}

// differentRows compares two rows, of which each has its own table of keywords.
func differentRows(place string, index, other row, indexWords, otherWords *keywords) string {
	d := &differences{other: place}
	flags := func(r row, k *keywords) string {
		return fmt.Sprint(mail.Flags{System: r.system, Keywords: k.set(r.keywords)}.Names())
	}
	d.note("flags", flags(index, indexWords), flags(other, otherWords))
	d.note("size", index.size, other.size)
	d.note("date", unpackTime(index.when).String(), unpackTime(other.when).String())
	d.note("in this folder since", second(int64(index.saved)), second(int64(other.saved)))
	d.note("the text that it shows", mail.EmailID(index.email), mail.EmailID(other.email))
	d.note("thread", mail.ThreadID(index.thread), mail.ThreadID(other.thread))
	d.note("its last change", index.modSeq, other.modSeq)
	d.note("id", index.id, other.id)
	d.note("size as POP3 sends it", index.marks, other.marks)
	return d.String()
}

func second(unix int64) string {
	if unix == 0 {
		return "never"
	}
	return time.Unix(unix, 0).UTC().Format("2006-01-02 15:04:05 UTC")
}
