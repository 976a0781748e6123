package queue

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/report"
)

// formatVersion begins every payload, and askedVersion one with a recipient of whom tries
// were asked for.
const (
	formatVersion = 1
	askedVersion  = 2
)

const (
	// maxRecipients of an item; far above what a server takes in one transaction.
	maxRecipients = 100_000
	// maxItems in one record: one message goes to few kinds of recipients.
	maxItems = 1000
	// maxWords is what is kept of another server's reply, in bytes.
	maxWords = 2048
)

var errCodec = fmt.Errorf("queue: %w", journal.ErrDamaged)

// encoder appends values as doc.go describes them.
type encoder struct {
	b     []byte
	asked bool // see askedVersion
}

func (e *encoder) uint(n uint64)     { e.b = binary.AppendUvarint(e.b, n) }
func (e *encoder) int(n int64)       { e.b = binary.AppendVarint(e.b, n) }
func (e *encoder) byte(n byte)       { e.b = append(e.b, n) }
func (e *encoder) string(s string)   { e.uint(uint64(len(s))); e.b = append(e.b, s...) }
func (e *encoder) id(id mail.ID)     { e.b = append(e.b, id[:]...) }
func (e *encoder) flags(set ...bool) { e.byte(flagsOf(set)) }

func flagsOf(set []bool) (b byte) {
	for i, on := range set {
		if on {
			b |= 1 << i
		}
	}
	return b
}

func (e *encoder) time(t time.Time) {
	if t.IsZero() {
		e.int(0)
		return
	}
	e.int(t.UnixNano())
}

func (e *encoder) address(a mail.Address) { e.string(a.Local); e.string(a.Domain) }

func (e *encoder) item(it *Item) {
	e.id(it.ID)
	e.id(it.Message)
	e.flags(it.EightBit, it.UTF8, it.Wishes.RequireTLS, it.Wishes.ByNotify, it.Wishes.ByTrace, it.Junk, it.Collected, it.Round)
	e.address(it.From)
	e.byte(byte(it.Wishes.Return))
	e.string(it.Wishes.EnvelopeID)
	e.int(int64(it.Wishes.Priority))
	e.time(it.Wishes.HoldUntil)
	e.time(it.Wishes.By)
	e.uint(uint64(it.Account))
	e.time(it.Accepted)
	e.string(string(it.Prefix))
	e.uint(uint64(it.Body.Segment))
	e.uint(uint64(it.Body.Ordinal))
	e.uint(uint64(it.Size))
	e.uint(uint64(len(it.To)))
	for i := range it.To {
		e.recipient(&it.To[i])
	}
}

func (e *encoder) recipient(r *Recipient) {
	e.address(r.Address)
	e.byte(byte(r.Notify))
	e.string(r.Original)
	e.string(string(r.Hop))
	e.byte(byte(r.State))
	e.flags(r.delayed, r.late, r.Tries > 0 || r.Last != mail.Attempt{}, r.asked > 0 || !r.planned.IsZero())
	e.byte(byte(r.owed))
	e.time(r.Next)
	if r.Tries > 0 || r.Last != (mail.Attempt{}) {
		e.uint(uint64(r.Tries))
		e.attempt(&r.Last)
	}
	if r.asked > 0 || !r.planned.IsZero() {
		e.asked = true
		e.uint(uint64(r.asked))
		e.time(r.planned)
	}
}

func (e *encoder) attempt(a *mail.Attempt) {
	e.byte(byte(a.Fate))
	e.flags(a.Reports)
	e.uint(uint64(a.Reply.Code))
	e.uint(uint64(a.Reply.Status))
	e.string(a.Reply.Text)
	e.uint(uint64(a.Status))
	e.string(a.Server)
	addr, _ := a.Addr.MarshalBinary() // never fails
	e.string(string(addr))
	e.string(a.TLS)
	e.time(a.At)
	e.int(int64(a.Took))
}

// decoder reads what encoder wrote; bad says that it could not.
type decoder struct {
	b   []byte
	bad bool
}

func (d *decoder) fail() { d.b, d.bad = nil, true }

func (d *decoder) uint() uint64 {
	n, size := binary.Uvarint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) int() int64 {
	n, size := binary.Varint(d.b)
	if size <= 0 {
		d.fail()
		return 0
	}
	d.b = d.b[size:]
	return n
}

func (d *decoder) bytes(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.fail()
		return nil
	}
	b := d.b[:n]
	d.b = d.b[n:]
	return b
}

func (d *decoder) byte() byte {
	if b := d.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (d *decoder) string() string { return string(d.bytes(d.uint())) }

func (d *decoder) id() (id mail.ID) {
	copy(id[:], d.bytes(uint64(len(id))))
	return id
}

func (d *decoder) time() time.Time {
	if n := d.int(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

func (d *decoder) address() mail.Address {
	local := d.string()
	return mail.Address{Local: local, Domain: d.string()}
}

// count reads how many things follow, each at least size bytes.
func (d *decoder) count(most, size int) int {
	n := d.uint()
	if n > uint64(most) || n > uint64(len(d.b)/size) {
		d.fail()
		return 0
	}
	return int(n)
}

func (d *decoder) item() *Item {
	it := &Item{ID: d.id(), Message: d.id()}
	flags := d.byte()
	it.EightBit, it.UTF8 = flags&1 != 0, flags&2 != 0
	it.Wishes.RequireTLS, it.Wishes.ByNotify, it.Wishes.ByTrace = flags&4 != 0, flags&8 != 0, flags&16 != 0
	it.Junk, it.Collected, it.Round = flags&32 != 0, flags&64 != 0, flags&128 != 0
	it.From = d.address()
	it.Wishes.Return = mail.Return(d.byte())
	it.Wishes.EnvelopeID = d.string()
	it.Wishes.Priority = int8(d.int())
	it.Wishes.HoldUntil, it.Wishes.By = d.time(), d.time()
	it.Account = mail.AccountID(d.uint())
	it.Accepted = d.time()
	it.Prefix = []byte(d.string())
	it.Body.Segment, it.Body.Ordinal = uint32(d.uint()), uint32(d.uint())
	it.Size = int64(d.uint())
	it.To = make([]Recipient, d.count(maxRecipients, 10))
	for i := range it.To {
		it.To[i] = d.recipient()
	}
	return it
}

func (d *decoder) recipient() (r Recipient) {
	r.Address = d.address()
	r.Notify = mail.Notify(d.byte())
	r.Original = d.string()
	r.Hop = mail.Hop(d.string())
	r.State = State(d.byte())
	flags := d.byte()
	r.delayed, r.late = flags&1 != 0, flags&2 != 0
	r.owed = report.Action(d.byte())
	r.Next = d.time()
	if flags&4 != 0 {
		r.Tries = int(d.uint())
		r.Last = d.attempt()
	}
	if flags&8 != 0 {
		r.asked, r.planned = int(d.uint()), d.time()
	}
	if r.State > StateDropped || r.owed > report.ActionExpanded {
		d.fail()
	}
	return r
}

func (d *decoder) attempt() (a mail.Attempt) {
	a.Fate = mail.Fate(d.byte())
	a.Reports = d.byte()&1 != 0
	a.Reply.Code = int(d.uint())
	a.Reply.Status = mail.Status(d.uint())
	a.Reply.Text = d.string()
	a.Status = mail.Status(d.uint())
	a.Server = d.string()
	var addr netip.AddrPort
	if b := d.bytes(d.uint()); len(b) > 0 && addr.UnmarshalBinary(b) != nil {
		d.fail()
	}
	a.Addr = addr
	a.TLS = d.string()
	a.At = d.time()
	a.Took = time.Duration(d.int())
	return a
}

// end says whether all was read, and well.
func (d *decoder) end() error {
	if d.bad || len(d.b) > 0 {
		return errCodec
	}
	return nil
}

// begin reads the version.
func (d *decoder) begin() error {
	switch v := d.byte(); {
	case d.bad:
		return errCodec
	case v == 0 || v > askedVersion:
		return fmt.Errorf("queue: format version %d: %w", v, mail.ErrNewer)
	}
	return nil
}

// The types of family Queue.
type verb uint8

const (
	verbAdd     verb = 1 + iota // items; all others change recipients of one item
	verbAttempt                 // what a try came to
	verbExpire                  // what has become of it for lack of time
	verbReport                  // the reports that were owed have been sent
	verbHold                    // and what people ask for
	verbRelease
	verbRetry
	verbDrop
	verbRedirect
	verbFloor // up to which LSN all items have gone
)

// String is the verb in words.
func (v verb) String() string {
	names := []string{"", "add", "attempt", "expire", "report", "hold", "release", "retry", "drop", "redirect", "floor"}
	if v > 0 && int(v) < len(names) {
		return names[v]
	}
	return fmt.Sprintf("verb %d", uint8(v))
}

func encodeItems(items []*Item) []byte {
	e := encoder{b: []byte{formatVersion}}
	e.uint(uint64(len(items)))
	for _, it := range items {
		e.item(it)
	}
	return e.payload()
}

// payload is what was encoded, under the first version that can read it.
func (e *encoder) payload() []byte {
	if e.asked {
		e.b[0] = askedVersion
	}
	return e.b
}

func decodeItems(b []byte) ([]*Item, error) {
	d := decoder{b: b}
	if err := d.begin(); err != nil {
		return nil, err
	}
	items := make([]*Item, d.count(maxItems, 40))
	for i := range items {
		items[i] = d.item()
	}
	return items, d.end()
}

// change is what has become of some recipients of an item.
type change struct {
	id      mail.ID
	changes []recipientChange
}

func (c *change) encode() []byte {
	e := encoder{b: []byte{formatVersion}}
	e.id(c.id)
	e.uint(uint64(len(c.changes)))
	for i := range c.changes {
		e.uint(uint64(c.changes[i].index))
		e.recipient(&c.changes[i].recipient)
	}
	return e.payload()
}

func encodeFloor(floor journal.LSN) []byte {
	e := encoder{b: []byte{formatVersion}}
	e.uint(uint64(floor))
	return e.b
}

func decodeFloor(b []byte) (journal.LSN, error) {
	d := decoder{b: b}
	if err := d.begin(); err != nil {
		return 0, err
	}
	floor := journal.LSN(d.uint())
	return floor, d.end()
}

func decodeChange(b []byte) (change, error) {
	d := decoder{b: b}
	if err := d.begin(); err != nil {
		return change{}, err
	}
	c := change{id: d.id()}
	c.changes = make([]recipientChange, d.count(maxRecipients, 10))
	for i := range c.changes {
		c.changes[i].index = int(d.uint() & 0xffffffff)
		c.changes[i].recipient = d.recipient()
	}
	return c, d.end()
}
