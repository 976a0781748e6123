package imapd

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// searchKey is a parsed search: it becomes a query when the numbers in it can be
// looked up in the session's view.
type searchKey func(s *session) mail.Query

// keyParser reads search keys (RFC 9051 §6.4.4).
type keyParser struct {
	*parser
	keys     int
	depth    int
	modseq   bool // MODSEQ was among them
	numbers  bool // numbers of messages were, or UIDs, or "$"
	seqs     bool // numbers of messages were
	fuzzy    bool // FUZZY was
	anyBytes bool // the texts are in a charset that will be refused
}

// sequence reads keys with spaces between them, all of which must hold. The
// first key's name may have been read already.
func (k *keyParser) sequence(word string) searchKey {
	all := []searchKey{k.key(word)}
	for k.Accept(' ') {
		all = append(all, k.key(""))
	}
	if len(all) == 1 {
		return all[0]
	}
	return func(s *session) mail.Query {
		and := make(mail.And, len(all))
		for i, key := range all {
			and[i] = key(s)
		}
		return and
	}
}

// key reads one key; word is its name if that has been read.
func (k *keyParser) key(word string) searchKey {
	if k.keys++; k.keys > maxSearchKeys {
		k.Failf("more than %d search keys", maxSearchKeys)
	}
	if k.depth++; k.depth > maxSearchDepth {
		k.Failf("search keys are nested more than %d deep", maxSearchDepth)
	}
	defer func() { k.depth-- }()
	if k.Err() != nil {
		return always
	}
	if word == "" {
		if k.Peek() == '(' {
			k.Expect('(')
			inner := k.sequence("")
			k.Expect(')')
			return inner
		}
		if isSetStart(k.parser) {
			return k.set(false)
		}
		word = k.Keyword()
	}
	return k.named(word)
}

// named reads what follows a key's name.
func (k *keyParser) named(word string) searchKey {
	if query, ok := flagKey(word); ok {
		return constant(query)
	}
	switch word {
	case "NEW":
		return both(isRecent, constant(mail.Not{Query: hasFlag(mail.Seen)}))
	case "RECENT":
		return isRecent
	case "OLD":
		return not(isRecent)
	case "UID":
		k.SP()
		return k.set(true)
	case "UIDAFTER", "UIDBEFORE": // RFC 9738 §3.2
		return constant(k.uidsBeside(word))
	case "NOT":
		k.SP()
		return not(k.key(""))
	case "FUZZY": // RFC 6203 §3
		k.fuzzy = true
		k.SP()
		key := k.key("")
		return func(s *session) mail.Query { return mail.Fuzzy{Query: key(s)} }
	case "OR":
		k.SP()
		one := k.key("")
		k.SP()
		other := k.key("")
		return func(s *session) mail.Query { return mail.Or{one(s), other(s)} }
	case "KEYWORD", "UNKEYWORD":
		k.SP()
		query := mail.Query(mail.HasFlags{Flags: mail.Flags{Keywords: []string{k.Atom()}}})
		if word == "UNKEYWORD" {
			query = mail.Not{Query: query}
		}
		return constant(query)
	}
	return constant(k.plain(word))
}

// plain reads the keys that need nothing of the session.
func (k *keyParser) plain(word string) mail.Query {
	if isDateKey(word) {
		k.SP()
		return k.date(word)
	}
	if !slices.Contains(argumentKeys(), word) {
		k.Failf("there is no search key %.30s", word)
		return mail.And{}
	}
	k.SP()
	switch word {
	case "BCC", "CC", "FROM", "SUBJECT", "TO":
		return mail.Header{Name: word, Value: k.text()}
	case "HEADER":
		name := k.AString()
		k.SP()
		return mail.Header{Name: name, Value: k.text()}
	case "BODY":
		return mail.Body{Text: k.text()}
	case "TEXT":
		return mail.Text{Text: k.text()}
	case "LARGER":
		return mail.Larger{Bytes: k.Number64()}
	case "SMALLER":
		return mail.Smaller{Bytes: k.Number64()}
	case "YOUNGER":
		return mail.MomentIn{Date: mail.InternalDate, Since: k.secondsAgo()}
	case "OLDER":
		return mail.MomentIn{Date: mail.InternalDate, Before: k.secondsAgo()}
	case "EMAILID":
		id, ok := k.objectID('e')
		if !ok {
			return mail.Or{}
		}
		return mail.EmailIs{Email: mail.EmailID(id)}
	case "THREADID":
		id, ok := k.objectID('t')
		if !ok {
			return mail.Or{}
		}
		return mail.ThreadIs{Thread: mail.ThreadID(id)}
	default: // MODSEQ
		return k.modSeq()
	}
}

// argumentKeys are the keys, besides those of dates, that plain knows.
func argumentKeys() []string {
	return []string{"BCC", "CC", "FROM", "SUBJECT", "TO", "HEADER", "BODY", "TEXT", "LARGER", "SMALLER", "YOUNGER", "OLDER", "EMAILID", "THREADID", "MODSEQ"}
}

// isDateKey reports whether word is one of the nine keys that take a day.
func isDateKey(word string) bool {
	word = strings.TrimPrefix(strings.TrimPrefix(word, "SENT"), "SAVED")
	return word == "BEFORE" || word == "ON" || word == "SINCE"
}

// date reads the keys that take a day.
func (k *keyParser) date(word string) mail.Query {
	var query mail.DayIn
	rest := word
	switch {
	case strings.HasPrefix(word, "SENT"):
		query.Date, rest = mail.SentDate, word[len("SENT"):]
	case strings.HasPrefix(word, "SAVED"):
		query.Date, rest = mail.SaveDate, word[len("SAVED"):]
	}
	switch rest {
	case "BEFORE":
		query.Before = k.Date()
	case "SINCE":
		query.Since = k.Date()
	case "ON":
		query.Since = k.Date()
		query.Before = query.Since.AddDate(0, 0, 1)
	}
	return query
}

// set reads a set of UIDs or sequence numbers. Numbers that don't exist find
// nothing.
func (k *keyParser) set(byUID bool) searchKey {
	k.numbers = true
	set := k.NumSet()
	k.seqs = k.seqs || !byUID && !set.Saved
	return func(s *session) mail.Query {
		uids, _ := s.view.resolve(set, byUID)
		return mail.UIDIn{Set: uids}
	}
}

// uidsBeside reads a UID: all above it are meant, or all below.
func (k *keyParser) uidsBeside(word string) mail.Query {
	k.numbers = true
	k.SP()
	n := k.Number()
	switch {
	case k.Err() != nil:
	case n == 0:
		k.Failf("0 is not a UID")
	case word == "UIDAFTER" && n < math.MaxUint32:
		return mail.UIDIn{Set: mail.UIDSet{{First: mail.UID(n + 1), Last: math.MaxUint32}}}
	case word == "UIDBEFORE" && n > 1:
		return mail.UIDIn{Set: mail.UIDSet{{First: 1, Last: mail.UID(n - 1)}}}
	}
	return mail.UIDIn{Set: mail.UIDSet{}} // nothing
}

// text reads a text to look for. Without a charset it should be ASCII; UTF-8 is
// taken for what it is.
func (k *keyParser) text() string {
	text := k.AString()
	if k.Err() == nil && !k.anyBytes && !utf8.ValidString(text) {
		k.Failf("a search text is not UTF-8")
	}
	return text
}

// secondsAgo reads an interval (RFC 5032) as the moment at which it began.
func (k *keyParser) secondsAgo() time.Time {
	n := k.Number()
	if k.Err() == nil && n == 0 {
		k.Failf("an interval is 1 second at least")
	}
	return time.Now().Add(-time.Duration(n) * time.Second)
}

// objectID reads an object identifier (RFC 8474 §5.3). One that was never given
// out is no error; it finds nothing.
func (k *keyParser) objectID(prefix byte) (uint64, bool) {
	text := k.AString()
	if len(text) < 2 || text[0] != prefix {
		return 0, false
	}
	n, err := strconv.ParseUint(text[1:], 36, 64)
	return n, err == nil
}

// modSeq reads MODSEQ's value, before which a flag's name may stand. Ours is one
// mod-sequence for all of a message's flags, as RFC 7162 §3.1.5 allows.
func (k *keyParser) modSeq() mail.Query {
	k.modseq = true
	if k.Peek() == '"' {
		_ = k.String() // "/flags/\\Seen"
		k.SP()
		switch kind := k.Keyword(); kind {
		case "PRIV", "SHARED", "ALL":
		default:
			k.Failf("MODSEQ can't ask for %.30s", kind)
		}
		k.SP()
	}
	return mail.ModSeqFrom{ModSeq: mail.ModSeq(k.Number64())}
}

// flagKey is the query of a key that asks for a system flag, or for nothing.
func flagKey(word string) (mail.Query, bool) {
	switch word {
	case "ALL", "SAVEDATESUPPORTED": // RFC 8514 §4.3: every mailbox keeps save dates
		return mail.And{}, true
	}
	name, without := strings.CutPrefix(word, "UN")
	flag := mail.SystemFlags(0)
	switch name {
	case "SEEN":
		flag = mail.Seen
	case "ANSWERED":
		flag = mail.Answered
	case "FLAGGED":
		flag = mail.Flagged
	case "DELETED":
		flag = mail.Deleted
	case "DRAFT":
		flag = mail.Draft
	default:
		return nil, false
	}
	if without {
		return mail.Not{Query: hasFlag(flag)}, true
	}
	return hasFlag(flag), true
}

func hasFlag(f mail.SystemFlags) mail.Query { return mail.HasFlags{Flags: mail.Flags{System: f}} }

func constant(q mail.Query) searchKey { return func(*session) mail.Query { return q } }

func always(*session) mail.Query { return mail.And{} }

func not(key searchKey) searchKey {
	return func(s *session) mail.Query { return mail.Not{Query: key(s)} }
}

func both(a, b searchKey) searchKey {
	return func(s *session) mail.Query { return mail.And{a(s), b(s)} }
}

// isRecent holds for messages with \Recent, which IMAP4rev2 does not have.
func isRecent(s *session) mail.Query { return mail.UIDIn{Set: s.view.recent} }
