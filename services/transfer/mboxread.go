package transfer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
)

const (
	// mboxBuffer is how far a reader looks ahead: a From_ line and the line
	// behind it. Longer lines come in pieces.
	mboxBuffer = 64 << 10
	// maxFrom is the longest From_ line, in bytes; honest ones have some 100.
	maxFrom = 1000
	// maxNote bounds the value of a status field, in bytes: 100 keywords.
	maxNote = 32 << 10
)

// mboxField begins the header of every message that this package writes. What
// is behind it is the message's own to the last byte.
const mboxField = "X-Sanduk-Mbox"

// errNotMbox says that a file does not begin as an mbox does.
var errNotMbox = errors.New("this is not an mbox file: it does not begin with a From line")

// mboxReader takes the messages of an mbox off a stream, one after the other.
type mboxReader struct {
	r      *bufio.Reader
	at     io.ReaderAt // the same from its beginning, to try Content-Length on; nil if it can't be
	size   int64       // with at
	offset int64       // of what r gives next

	message *mboxMessage // the one that is being read
	started bool
}

func newMboxReader(r io.Reader, at io.ReaderAt, size int64) *mboxReader {
	return &mboxReader{r: bufio.NewReaderSize(r, mboxBuffer), at: at, size: size}
}

// Next gives the next message, whose bytes are read from it; what is left of the
// one before is passed over. io.EOF at the end.
func (m *mboxReader) Next() (*mboxMessage, error) {
	if m.message != nil {
		if _, err := io.Copy(io.Discard, m.message); err != nil {
			return nil, err
		}
	}
	if !m.started {
		m.started = true
		if err := m.skipBlank(); err != nil {
			return nil, err
		}
		head, _ := m.r.Peek(5) // an error comes again with the line
		if string(head) != "From " {
			if len(head) == 0 {
				return nil, io.EOF
			}
			return nil, errNotMbox
		}
	}
	begin := m.offset
	line, whole, err := m.line()
	if err != nil {
		return nil, err
	}
	from := strings.TrimRight(string(line[:min(len(line), maxFrom)]), "\r\n")
	for !whole {
		if _, whole, err = m.line(); err != nil {
			return nil, err
		}
	}
	m.message = &mboxMessage{m: m, offset: begin, from: fromDate(from), header: true, fresh: true}
	return m.message, nil
}

// skipBlank passes over blank lines before the first message.
func (m *mboxReader) skipBlank() error {
	for {
		head, err := m.r.Peek(1)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if head[0] != '\n' && head[0] != '\r' {
			return nil
		}
		_, _ = m.r.Discard(1) // it is there
		m.offset++
	}
}

// line takes a line with its end, or a piece of one that is longer than the
// buffer. It is good until the next call. io.EOF only where nothing is left.
func (m *mboxReader) line() (line []byte, whole bool, err error) {
	line, err = m.r.ReadSlice('\n')
	m.offset += int64(len(line))
	switch {
	case err == nil:
		return line, true, nil
	case errors.Is(err, bufio.ErrBufferFull):
		return line, false, nil
	case err == io.EOF && len(line) > 0:
		return line, true, nil
	}
	return nil, false, err
}

// boundary reports whether what comes next is the From_ line of another message.
// Behind a blank line its form need not be good, as long as a header follows;
// elsewhere it must be beyond doubt.
func (m *mboxReader) boundary(blankBefore bool) bool {
	if head, _ := m.r.Peek(5); string(head) != "From " {
		return false
	}
	ahead, _ := m.r.Peek(2 * maxFrom) // less at the end of the file
	line, next, found := bytes.Cut(ahead, []byte{'\n'})
	if !found {
		return blankBefore && len(ahead) < 2*maxFrom && !fromDate(string(line)).IsZero() // the last line: a message without anything
	}
	next, _, _ = bytes.Cut(next, []byte{'\n'})
	words := strings.Fields(string(line))
	dated := !fromDate(string(line)).IsZero()
	if !dated && (!blankBefore || len(words) > 2) {
		return false
	}
	return headerLike(next) || dated && blankBefore && len(bytes.TrimRight(next, "\r\n")) == 0
}

// headerLike reports whether a header field, or a From line kept in a header,
// begins here.
func headerLike(b []byte) bool {
	if bytes.HasPrefix(b, []byte(">From ")) {
		return true
	}
	for i, c := range b {
		switch {
		case c == ':':
			return i > 0
		case c <= ' ' || c >= 0x7f:
			return false
		}
	}
	return false
}

// mboxMessage is one message of an mbox, read as the sender wrote it.
type mboxMessage struct {
	m      *mboxReader
	offset int64     // of its From_ line
	from   time.Time // of its From_ line

	status   status
	internal time.Time // of this package's own field
	own      bool      // this package wrote it, and says what to do with lines
	crlf     bool      // with own: lines ended in CR LF
	open     bool      // with own: the last line had no end

	header  bool  // reading the header
	fresh   bool  // nothing but status fields so far
	partial bool  // within a line that comes in pieces
	length  int64 // Content-Length; 0 if there is none
	rest    int64 // so many bytes of the body are taken as they are

	noting bool   // within a status field
	note   []byte // of it, so far

	held []lineEnd // at most two, not given yet: they may belong to the separator
	buf  []byte
	out  []byte // of buf: not given yet
	done error  // io.EOF when the message is at its end
}

// lineEnd is the end of a line that may yet turn out not to be the message's.
type lineEnd struct {
	text  string
	blank bool // the line had nothing else
}

// Internal is when it was received; good at the end.
func (b *mboxMessage) Internal() time.Time {
	if !b.internal.IsZero() {
		return b.internal
	}
	return b.from
}

// Read gives the message without what the program that wrote the mbox has added.
func (b *mboxMessage) Read(p []byte) (int, error) {
	for len(b.out) == 0 {
		if b.done != nil {
			return 0, b.done
		}
		b.buf = b.buf[:0]
		b.step()
		b.out = b.buf
	}
	n := copy(p, b.out)
	b.out = b.out[n:]
	return n, nil
}

// step takes the next line, or the next piece of a body of known length.
func (b *mboxMessage) step() {
	if b.rest > 0 {
		b.verbatim()
		return
	}
	if !b.partial && b.m.boundary(len(b.held) > 0 && b.held[len(b.held)-1].blank || b.fresh) {
		b.finish()
		return
	}
	line, whole, err := b.m.line()
	if err == io.EOF {
		b.finish()
		return
	}
	if err != nil {
		b.done = err
		return
	}
	first := !b.partial
	b.partial = !whole
	content, end := b.cutEnd(line)
	if first && len(content) == 0 {
		b.blank(end)
		return
	}
	if b.header && b.inNote(first, content) {
		return
	}
	if first && (b.own || !b.header) {
		content = unquoted(content, whole)
	}
	b.release()
	b.fresh = false
	b.buf = append(b.buf, content...)
	if end != "" {
		b.held = append(b.held, lineEnd{text: end})
	}
}

// cutEnd parts a line from its end. This package ends lines in LF alone.
func (b *mboxMessage) cutEnd(line []byte) ([]byte, string) {
	content, found := bytes.CutSuffix(line, []byte{'\n'})
	switch {
	case !found:
		return line, ""
	case b.own && b.crlf:
		return content, "\r\n"
	case b.own:
		return content, "\n"
	}
	if content, found := bytes.CutSuffix(content, []byte{'\r'}); found {
		return content, "\r\n"
	}
	return content, "\n"
}

// unquoted takes away the ">" that keeps a line from being a From_ line.
func unquoted(line []byte, whole bool) []byte {
	if len(line) > 0 && line[0] == '>' && fromLine(line, whole) {
		return line[1:]
	}
	return line
}

// fromLine reports whether a line is or was a From_ line. The first piece of a
// line that is longer than the buffer counts as one when it may be: reader and
// writer, whose pieces are one ">" apart, agree on that.
func fromLine(line []byte, whole bool) bool {
	const from = "From "
	rest := bytes.TrimLeft(line, ">")
	return bytes.HasPrefix(rest, []byte(from)) || !whole && strings.HasPrefix(from, string(rest[:min(len(rest), len(from))]))
}

// blank takes a blank line: it may be the one before the next message.
func (b *mboxMessage) blank(end string) {
	b.endNote()
	if len(b.held) > 0 && b.held[len(b.held)-1].blank {
		b.release()
	}
	b.held = append(b.held, lineEnd{end, true})
	if !b.header {
		return
	}
	b.header = false
	if b.length > 0 && !b.own && b.m.ends(b.length) {
		b.release()
		b.rest = b.length
	}
}

// release gives the line ends that turned out to be the message's.
func (b *mboxMessage) release() {
	for _, e := range b.held {
		b.buf = append(b.buf, e.text...)
	}
	b.held = b.held[:0]
}

// finish ends the message: the blank line before the next one is no part of it.
func (b *mboxMessage) finish() {
	b.endNote()
	if n := len(b.held); n > 0 && b.held[n-1].blank {
		b.held = b.held[:n-1]
	}
	if n := len(b.held); n > 0 && b.open {
		b.held = b.held[:n-1]
	}
	b.release()
	b.done = io.EOF
}

// verbatim takes a piece of a body whose length is known.
func (b *mboxMessage) verbatim() {
	piece, err := b.m.r.Peek(int(min(b.rest, mboxBuffer)))
	if len(piece) == 0 {
		if b.done = err; err == io.EOF {
			b.done = io.ErrUnexpectedEOF // ends has seen it: the file became shorter
		}
		return
	}
	b.buf = append(b.buf, piece...)
	n, _ := b.m.r.Discard(len(piece)) // it is there
	b.m.offset += int64(n)
	b.rest -= int64(n)
}

// ends reports whether a message, or the file, ends so many bytes behind what
// has been read: else a Content-Length is wrong, as it often is.
func (m *mboxReader) ends(length int64) bool {
	end := m.offset + length
	if m.at == nil || end < m.offset || end > m.size {
		return false
	}
	head := make([]byte, 8)
	n, err := m.at.ReadAt(head, end)
	if err != nil && err != io.EOF {
		return false
	}
	head = bytes.TrimLeft(head[:n], "\r\n")
	return len(head) == 0 && end+int64(n) == m.size || bytes.HasPrefix(head, []byte("From "))
}

// inNote takes a line of a header that is not the message's own: true if it was.
func (b *mboxMessage) inNote(first bool, content []byte) bool {
	if b.own {
		return false
	}
	if !first || content[0] == ' ' || content[0] == '\t' {
		if b.noting && len(b.note) < maxNote {
			b.note = append(b.note, content[:min(len(content), maxNote)]...)
		}
		return b.noting
	}
	b.endNote()
	name, _, found := bytes.Cut(content[:min(len(content), maxFrom)], []byte{':'})
	switch {
	case found && b.fresh && string(name) == mboxField:
		b.noteOwn(string(content[len(name)+1:]))
		return true
	case found && (statusField(string(name)) || bytes.EqualFold(name, []byte("Content-Length"))):
		b.noting = true
		b.note = append(b.note[:0], content[:min(len(content), maxNote)]...)
		return true
	}
	return false
}

// endNote reads the status field that has come in.
func (b *mboxMessage) endNote() {
	if !b.noting {
		return
	}
	b.noting = false
	name, value, _ := strings.Cut(string(b.note), ":")
	value = strings.TrimSpace(value)
	if strings.EqualFold(name, "Content-Length") {
		if n, err := strconv.ParseInt(value, 10, 64); err == nil && n > 0 {
			b.length = n
		}
		return
	}
	b.status.note(name, value)
}

// noteOwn reads this package's own field. All that follows is the message's.
func (b *mboxMessage) noteOwn(value string) {
	b.own = true
	for i, word := range strings.Split(value, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(word), "=")
		switch {
		case i == 0:
		case key == "date":
			// A date that can't be read leaves that of the From_ line.
			b.internal, _ = time.Parse(ownDate, value)
		case key == "eol":
			b.crlf = value == "crlf"
		case key == "end":
			b.open = value == "open"
		}
	}
}
