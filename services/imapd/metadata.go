package imapd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	privateEntry    = "/private"
	sharedEntry     = "/shared"
	specialUseEntry = "/private/specialuse" // RFC 6154 §4
	// serverEntry stands before the names of what is written on the server, which the
	// account's INBOX keeps: it is always there.
	serverEntry = "server:"
	// anyDepth is DEPTH infinity.
	anyDepth = math.MaxInt
)

// metadataQuery is what to tell of annotations (RFC 5464 §4.2).
type metadataQuery struct {
	maxSize int64 // values that are longer are not told; -1: all are
	depth   int   // of names below the entries
	entries []string
	longest int64 // value that was not told
}

// read reads options and entries. Options stand in front of the mailbox (erratum
// 2785); clients that follow the text of before put them behind it, where they can
// be told from entries, which begin with a slash.
func (q *metadataQuery) read(p *parser) {
	if p.Peek() != '(' {
		q.entry(p)
		return
	}
	options := 0
	p.List(func() {
		switch p.Peek() {
		case '/', '"', '{':
			q.entry(p)
		default:
			q.option(p)
			options++
		}
	})
	switch {
	case options > 0 && len(q.entries) > 0:
		p.Failf("options and entries stand in lists of their own")
	case options > 0:
		p.SP()
		q.read(p)
	case len(q.entries) == 0:
		p.Failf("the list of entries is empty")
	}
}

func (q *metadataQuery) option(p *parser) {
	switch option := p.Keyword(); option {
	case "MAXSIZE":
		p.SP()
		q.maxSize = int64(p.Number())
	case "DEPTH":
		p.SP()
		depths := map[string]int{"0": 0, "1": 1, "INFINITY": anyDepth}
		depth, ok := depths[p.Keyword()]
		if !ok {
			p.Failf("DEPTH is 0, 1 or infinity")
		}
		q.depth = depth
	default:
		p.Failf("GETMETADATA has no option %.30s", option)
	}
}

// code is the response code that tells of values that were not told.
func (q *metadataQuery) code() string {
	if q.longest == 0 {
		return ""
	}
	return fmt.Sprintf("METADATA LONGENTRIES %d", q.longest)
}

func (q *metadataQuery) entry(p *parser) {
	if len(q.entries) >= maxMetadataEntries {
		p.Failf("more than %d entries", maxMetadataEntries)
		return
	}
	q.entries = append(q.entries, p.entryName())
}

// entryName reads the name of an entry, in any case of its letters (RFC 5464 §3.2).
func (p *parser) entryName() string {
	name := strings.ToLower(p.AString())
	if p.Err() != nil {
		return ""
	}
	odd := strings.ContainsFunc(name, func(c rune) bool { return c < ' ' || c >= 0x7f || c == '*' || c == '%' })
	switch {
	case !below(name, privateEntry, anyDepth) && !below(name, sharedEntry, anyDepth):
		p.Failf("an entry begins with /private or /shared")
	case odd || strings.Contains(name, "//") || strings.HasSuffix(name, "/"):
		p.Failf("that is no name of an entry")
	case len(name) > mail.MaxAnnotationName-len(serverEntry):
		p.Failf("the name of an entry can have %d bytes at most", mail.MaxAnnotationName-len(serverEntry))
	}
	return name
}

// below reports whether name is entry, or that far below it.
func below(name, entry string, depth int) bool {
	rest, ok := strings.CutPrefix(name, entry)
	return ok && (rest == "" || rest[0] == '/' && strings.Count(rest, "/") <= depth)
}

// getMetadata is GETMETADATA (RFC 5464 §4.2).
type getMetadata struct {
	name string // of the mailbox; "" is the server
	metadataQuery
}

func parseGetMetadata(p *parser) request {
	c := getMetadata{metadataQuery: metadataQuery{maxSize: -1}}
	p.SP()
	if p.Peek() == '(' {
		p.List(func() { c.option(p) })
		p.SP()
	}
	c.name = p.Mailbox()
	p.SP()
	c.read(p)
	return c
}

func (c getMetadata) run(ctx context.Context, s *session) error {
	m, err := s.annotated(ctx, c.name)
	if err != nil {
		return err
	}
	s.metadata(c.name, annotationsOf(m, c.name == ""), &c.metadataQuery)
	s.code = c.code()
	return nil
}

// annotated is the mailbox that has the annotations.
func (s *session) annotated(ctx context.Context, name string) (mail.Mailbox, error) {
	if name == "" {
		name = mail.Inbox
	}
	m, err := s.account.Mailbox(ctx, name)
	if err != nil {
		return m, err
	}
	return m, s.allow(ctx, m.ID, mail.RightRead)
}

// annotationsOf are those of the mailbox, or of the server, by the names that clients
// know them by.
func annotationsOf(m mail.Mailbox, server bool) []mail.Annotation {
	var list []mail.Annotation
	for name, value := range m.Annotations.All() {
		entry, ofServer := strings.CutPrefix(name, serverEntry)
		if ofServer == server {
			list = append(list, mail.Annotation{Name: entry, Value: value})
		}
	}
	if role := m.Role.Attribute(); role != "" && !server {
		list = append(list, mail.Annotation{Name: specialUseEntry, Value: role})
	}
	return list
}

// metadata writes the METADATA response with values (RFC 5464 §4.4.1). An entry that
// was asked for by its name alone is told of also where it is not there.
func (s *session) metadata(mailbox string, list []mail.Annotation, q *metadataQuery) {
	separator := " ("
	told := map[string]bool{}
	tell := func(name string) {
		if len(told) == 0 {
			s.w.Raw("* METADATA ")
			s.w.Mailbox(mailbox)
		}
		told[name] = true
		s.w.Raw(separator)
		separator = " "
		s.w.AString(name)
		s.w.SP()
	}
	for _, entry := range q.entries {
		found := false
		for _, a := range list {
			switch {
			case !below(a.Name, entry, q.depth):
			case q.maxSize >= 0 && int64(len(a.Value)) > q.maxSize:
				found = true
				q.longest = max(q.longest, int64(len(a.Value)))
			default:
				if found = true; !told[a.Name] {
					tell(a.Name)
					writeValue(s.w, a.Value)
				}
			}
		}
		if !found && q.depth == 0 && !told[entry] {
			tell(entry)
			s.w.Raw("NIL")
		}
	}
	if len(told) > 0 {
		s.w.Raw(")\r\n")
	}
}

// writeValue writes a value, as a literal8 where no string can hold it.
func writeValue(w *wire.Writer, value string) {
	if strings.IndexByte(value, 0) < 0 {
		w.String(value)
		return
	}
	w.LiteralHeader(int64(len(value)), true)
	w.Raw(value)
}

// setMetadata is SETMETADATA (RFC 5464 §4.3).
type setMetadata struct {
	name    string // of the mailbox; "" is the server
	changes []mail.Annotation
}

func parseSetMetadata(p *parser) request {
	var c setMetadata
	p.SP()
	c.name = p.Mailbox()
	p.SP()
	p.List(func() {
		if len(c.changes) >= maxMetadataEntries {
			p.Failf("more than %d entries", maxMetadataEntries)
			return
		}
		a := mail.Annotation{Name: p.entryName()}
		if p.Err() == nil && (a.Name == privateEntry || a.Name == sharedEntry) {
			p.Failf("%s has no value of its own", a.Name)
		}
		p.SP()
		if value := p.NString8(); value == nil {
			a.Gone = true
		} else {
			a.Value = *value
		}
		c.changes = append(c.changes, a)
	})
	if p.Err() == nil && len(c.changes) == 0 {
		p.Failf("the list of entries is empty")
	}
	return c
}

func (c setMetadata) run(ctx context.Context, s *session) error {
	m, err := s.annotated(ctx, c.name)
	if err != nil {
		return err
	}
	for i := range c.changes {
		a := &c.changes[i]
		switch {
		case len(a.Value) > mail.MaxAnnotation:
			return no(fmt.Sprintf("METADATA MAXSIZE %d", mail.MaxAnnotation), "The value of an entry can have %d bytes at most", mail.MaxAnnotation)
		case c.name == "" && below(a.Name, sharedEntry, anyDepth):
			return no("NOPERM", "Only the administrator writes what all users of the server share")
		case c.name != "" && a.Name == specialUseEntry:
			return no("USEATTR", "What a mailbox is used for is said when it is created")
		case c.name == "":
			a.Name = serverEntry + a.Name
		}
	}
	err = s.account.Annotate(ctx, m.ID, c.changes)
	if errors.Is(err, mail.ErrTooMany) {
		return no("METADATA TOOMANY", "There is no room for more entries")
	}
	if err == nil && s.notifying() {
		s.notify.knowAnnotations(m, c.changes)
	}
	return err
}

// knowAnnotations has the client told nothing of changes that it has made itself.
func (n *notifier) knowAnnotations(m mail.Mailbox, changes []mail.Annotation) {
	known := findKnown(n.known, m.ID)
	if known == nil {
		return
	}
	if notes, err := known.notes.With(changes...); err == nil {
		known.notes = notes
	}
}

// tellAnnotations tells which entries of a mailbox, and of the server, have changed
// (RFC 5464 §4.4.2, RFC 5465 §5.6, §5.7).
func (s *session) tellAnnotations(m *mail.Mailbox) {
	n, old := s.notify, findKnown(s.notify.known, m.ID)
	if old == nil || old.notes == m.Annotations {
		return
	}
	names := slices.Collect(maps.Keys(changedNotes(old.notes, m.Annotations)))
	slices.Sort(names)
	tell := func(mailbox string, server, wanted bool) {
		begun := false
		for _, name := range names {
			entry, ofServer := strings.CutPrefix(name, serverEntry)
			if ofServer != server || !wanted {
				continue
			}
			if !begun {
				s.w.Raw("* METADATA ")
				s.w.Mailbox(mailbox)
				begun = true
			}
			s.w.SP()
			s.w.AString(entry)
		}
		if begun {
			s.w.CRLF()
		}
	}
	tell(m.Name, false, n.events(m.Name, m.Subscribed)&mailboxMetadataChange != 0)
	tell("", true, n.wants(serverMetadataChange))
}

// changedNotes are the names of which the value is another.
func changedNotes(old, now mail.Annotations) map[string]bool {
	changed := map[string]bool{}
	for name, value := range old.All() {
		if v, ok := now.Get(name); !ok || v != value {
			changed[name] = true
		}
	}
	for name := range now.All() {
		if _, ok := old.Get(name); !ok {
			changed[name] = true
		}
	}
	return changed
}
