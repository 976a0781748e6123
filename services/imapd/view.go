package imapd

import (
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// view is the selected mailbox as this session's client knows it: which message
// has which sequence number, and up to which ModSeq the client has been told
// everything (except the removals that wait in gone).
type view struct {
	mailbox  mail.MailboxID
	readOnly bool
	rights   mail.Rights            // as they were when it was selected
	messages numbering              // that the client knows
	last     mail.UID               // highest UID that ever had a number
	until    mail.ModSeq            // changes up to here have been taken in
	settled  mail.ModSeq            // changes up to here have been told, removals too
	gone     mail.UIDSet            // numbered, but no longer in the mailbox: EXPUNGE is due
	recent   mail.UIDSet            // \Recent for this session
	saved    mail.UIDSet            // "$" (RFC 9051 §6.4.4.1)
	keywords []string               // that the client has been told of
	live     map[string]*liveResult // results that are followed, by the tag of their search
	behind   bool                   // changes up to until have been kept quiet (notifier.go)
	told     []toldModSeq           // what this command has told; forgotten when it ends
}

// toldModSeq says that the client has seen the flags of a message as they were
// at a ModSeq.
type toldModSeq struct {
	uid    mail.UID
	modseq mail.ModSeq
}

// seq is the sequence number of a message, 0 if the client doesn't know it.
func (v *view) seq(uid mail.UID) mail.SeqNum { return v.messages.seq(uid) }

// add takes in a new message; uid is above every earlier one.
func (v *view) add(uid mail.UID) {
	v.messages.add(uid)
	v.last = uid
}

// markGone remembers that messages are no longer there. Those that the client
// never knew are no news.
func (v *view) markGone(vanished mail.UIDSet) {
	if len(vanished) == 0 {
		return
	}
	known := slices.Clone(v.gone)
	for _, r := range vanished {
		known = slices.AppendSeq(known, v.messages.parts(r))
	}
	v.gone = mail.SetOfRanges(known...)
}

// expunge takes the messages that are gone out of the view, calling each with
// the sequence number to tell, highest first so that none moves before it is told.
// It takes one walk over the view, however many are gone.
func (v *view) expunge(each func(mail.SeqNum)) {
	if len(v.gone) == 0 {
		return
	}
	for _, r := range slices.Backward(v.gone) {
		for seq, first := v.seq(r.Last), v.seq(r.First); seq >= first; seq-- {
			each(seq)
		}
	}
	v.messages.remove(v.gone)
	v.recent = without(v.recent, v.gone)
	v.saved = without(v.saved, v.gone)
	v.gone = nil
}

// tell remembers that the client has been sent the flags of row.
func (v *view) tell(row *mail.Row) {
	if row.ModSeq > v.until {
		v.told = append(v.told, toldModSeq{row.UID, row.ModSeq})
	}
}

// wasTold reports whether this command has told the flags of row already.
func (v *view) wasTold(row *mail.Row) bool {
	i, found := slices.BinarySearchFunc(v.told, row.UID, func(t toldModSeq, uid mail.UID) int { return int(int64(t.uid) - int64(uid)) })
	return found && v.told[i].modseq == row.ModSeq
}

// resolve turns a set from the wire into UIDs, within what the client knows
// (RFC 9051 §9: "*" is the highest, ends in either order). It is false when a
// sequence number is named that does not exist; what does exist is still in the
// set. A range up to "*" always exists: clients ask for what comes after the
// last message they know, and for 1:* in an empty mailbox.
//
// The ranges may span UIDs that the view lacks: whoever uses them asks seq.
func (v *view) resolve(set wire.NumSet, byUID bool) (uids mail.UIDSet, ok bool) {
	if set.Saved {
		return v.saved, true
	}
	ok = true
	highest := uint32(v.messages.len())
	if byUID && highest > 0 {
		highest = uint32(v.messages.uid(mail.SeqNum(highest)))
	}
	ranges := make([]mail.Range[mail.UID], 0, len(set.Ranges))
	for _, r := range set.Ranges {
		first, last := r.First, r.Last
		if first == 0 || !byUID && last == 0 && first > highest {
			first = highest
		}
		if last == 0 || !byUID && r.First == 0 && last > highest {
			last = highest
		}
		if first > last {
			first, last = last, first
		}
		if last > highest && !byUID {
			ok = false
		}
		if last = min(last, highest); first > last || first == 0 {
			continue
		}
		if !byUID {
			first, last = uint32(v.messages.uid(mail.SeqNum(first))), uint32(v.messages.uid(mail.SeqNum(last)))
		}
		ranges = append(ranges, mail.Range[mail.UID]{First: mail.UID(first), Last: mail.UID(last)})
	}
	return mail.SetOfRanges(ranges...), ok
}

// known is the part of set that the client knows, as a set of exactly these.
func (v *view) known(set mail.UIDSet) mail.UIDSet {
	var exact mail.UIDSet
	for _, r := range set {
		exact = slices.AppendSeq(exact, v.messages.parts(r)) // of a set; between two there is a hole
	}
	return exact
}

// count is how many messages of set the client knows.
func (v *view) count(set mail.UIDSet) int {
	n := 0
	for _, r := range set {
		n += v.messages.count(r)
	}
	return n
}

// hasGone reports whether set names a message whose EXPUNGE is due.
func (v *view) hasGone(set mail.UIDSet) bool {
	for gone := v.gone; len(gone) > 0 && len(set) > 0; {
		switch {
		case gone[0].Last < set[0].First:
			gone = gone[1:]
		case set[0].Last < gone[0].First:
			set = set[1:]
		default:
			return true
		}
	}
	return false
}

// learnKeywords adds the keywords of f that no FLAGS response has named yet and
// reports whether there were any.
func (v *view) learnKeywords(f mail.Flags) bool {
	before := len(v.keywords)
	for _, k := range f.Keywords {
		if len(v.keywords) >= maxToldKeywords {
			break
		}
		if !slices.ContainsFunc(v.keywords, func(known string) bool { return strings.EqualFold(known, k) }) {
			v.keywords = append(v.keywords, k)
		}
	}
	return len(v.keywords) > before
}

// without is the set of what is in a and not in b.
func without(a, b mail.UIDSet) mail.UIDSet {
	if len(a) == 0 || len(b) == 0 {
		return a
	}
	var left mail.UIDSet
	for _, r := range a {
		first := r.First
		i, _ := slices.BinarySearchFunc(b, first, func(cut mail.Range[mail.UID], uid mail.UID) int {
			if cut.Last < uid {
				return -1
			}
			return 1
		})
		done := false
		for ; i < len(b) && b[i].First <= r.Last; i++ {
			if b[i].First > first {
				left = append(left, mail.Range[mail.UID]{First: first, Last: b[i].First - 1})
			}
			if b[i].Last >= r.Last {
				done = true
				break
			}
			first = b[i].Last + 1
		}
		if !done {
			left = append(left, mail.Range[mail.UID]{First: first, Last: r.Last})
		}
	}
	return left
}
