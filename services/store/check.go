package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/maphash"
	"io"
	"io/fs"
	"iter"
	"maps"
	"slices"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// MaxProblems of one account are listed by Check; the rest is only counted.
const MaxProblems = 100

// Report is what Check found.
type Report struct {
	Accounts, Mailboxes, Messages int
	Bodies                        int   // different ones that were read
	Bytes                         int64 // of them
	Problems                      []Problem
	Omitted                       int // problems beyond those listed
	Damage                        []journal.Damage
	// Uncompared are the accounts whose index could not be compared with the log, for
	// lack of room for a second one on the disk and in memory. All else was checked.
	Uncompared []mail.AccountID
	// Unready are those of which nothing could be checked, see Store.Unready.
	Unready []mail.AccountID
	// Unreadable is how many messages of each person can't be read, each copy counted.
	Unreadable map[mail.AccountID]int
	// Gone is how many of these were in files of the log (log/%08d.seg) that are not
	// there at all, by file and person; they are not among the Problems.
	Gone map[uint32]map[mail.AccountID]int
}

// Problem is one thing that is not as it must be.
type Problem struct {
	Account mail.AccountID
	Text    string
	// Lost says that it is in the log itself. All else is in the index, which
	// Rebuild makes anew.
	Lost bool
	// Remade says that the index is already made from what is left of the log.
	Remade bool
}

func (p Problem) String() string { return fmt.Sprintf("account %s: %s", p.Account, p.Text) }

// OK reports whether everything was as it must be.
func (r *Report) OK() bool {
	return len(r.Problems) == 0 && len(r.Damage) == 0 && len(r.Gone) == 0 && len(r.Unready) == 0
}

// Check proves the invariants of every account: exact counts, UIDs in order and
// below UIDNEXT, every body readable and as long as its row says, the counts of
// who refers to an email and a thread, a note of every change and expunging;
// and that the log, read from its beginning, gives exactly what the index
// holds. It reads everything, bodies included. The store may be in use.
//
// The error is one of the disk or the context; what is wrong is in the Report.
func (s *Store) Check(ctx context.Context) (Report, error) { return s.CheckListing(ctx, MaxProblems) }

// CheckListing is Check with a report of at most so many problems of each account.
func (s *Store) CheckListing(ctx context.Context, most int) (Report, error) {
	report := Report{Unreadable: map[mail.AccountID]int{}, Gone: map[uint32]map[mail.AccountID]int{}}
	read := map[uint32]emailSet{}
	s.journal.Settled()
	s.mu.RLock()
	ids := slices.Sorted(maps.Keys(s.known))
	s.mu.RUnlock()
	for _, id := range ids {
		s.loading.Lock()
		a, err := s.loadAccount(s.life, id)
		s.loading.Unlock()
		if errors.Is(err, errUnready) {
			report.Unready = append(report.Unready, id)
			continue
		}
		if err != nil {
			return report, fmt.Errorf("check: %w", err)
		}
		c := &checker{ctx: ctx, account: a, report: &report, read: read, seed: maphash.MakeSeed(), most: most}
		if err := c.run(); err != nil {
			return report, fmt.Errorf("check account %s: %w", id, err)
		}
		report.Accounts++
	}
	report.Damage = s.journal.Damage()
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, id := range slices.Sorted(maps.Keys(s.cutShort)) {
		report.Problems = append(report.Problems, Problem{
			Account: id, Lost: true, Remade: true,
			Text: "its index had seen more than the log has: the newest file of the log is missing, or the log was put back to an earlier state",
		})
	}
	return report, nil
}

// noteCut remembers an account whose index had come further than the log: the index is made
// anew of what is left, and then nothing speaks of it any more.
func (s *Store) noteCut(id mail.AccountID) {
	s.log.Error("store: the log ends before what an index had seen", "account", id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cutShort == nil {
		s.cutShort = map[mail.AccountID]bool{}
	}
	s.cutShort[id] = true
}

// checker checks one account, as its index has it at one moment.
type checker struct {
	ctx     context.Context
	account *account
	tx      *bolt.Tx
	report  *Report
	read    map[uint32]emailSet // ordinals of bodies read, by segment, for all accounts
	seed    maphash.Seed

	last    counters
	lsn     journal.LSN
	floor   mail.ModSeq
	live    int // rows of the index
	boxes   map[mail.MailboxID]box
	emails  tallies[emailTally]
	shown   emailSet        // those that stand in a folder that has not expired
	threads tallies[uint64] // sums of weightOf
	swept   mail.ModSeq     // up to which what has expired is out of the index
	log     *account        // as the log has it; nil: there is no room for that
	count   int             // of problems
	most    int             // that are listed
}

// reference is a message that has a body.
type reference struct {
	mailbox mail.MailboxID
	uid     mail.UID
	more    int // messages of the account that name it too
	when    int64
	id      mail.ID
	prefix  []byte
}

func (c *checker) problem(format string, args ...any) { c.note(Problem{}, format, args...) }

// lost is a problem that is in the log.
func (c *checker) lost(format string, args ...any) { c.note(Problem{Lost: true}, format, args...) }

// remade is one of a log from which the index is already made.
func (c *checker) remade(format string, args ...any) {
	c.note(Problem{Lost: true, Remade: true}, format, args...)
}

func (c *checker) note(p Problem, format string, args ...any) {
	if c.count++; c.count > c.most {
		c.report.Omitted++
		return
	}
	p.Account, p.Text = c.account.id, fmt.Sprintf(format, c.words(args)...)
	c.report.Problems = append(c.report.Problems, p)
}

// run checks the account. The log and the bodies, which take long, are read
// outside of the transaction: while one is open the index grows with every
// checkpoint, and where it has to be mapped anew everybody waits.
func (c *checker) run() error {
	a := c.account
	if a.spoiled.Load() {
		c.problem("what is in memory does not fit the log; it is read again at the next start")
		return nil
	}
	err := a.checkpoint()
	a.mu.RLock()
	until := a.indexed
	a.mu.RUnlock()
	if isFull(err) && until > 0 {
		err = nil // what is in the index can be checked
	}
	if isFull(err) {
		c.report.Uncompared = append(c.report.Uncompared, a.id)
		return nil
	}
	if err != nil {
		return err
	}
	defer a.store.snapshots.pin(a.id)()
	if err := c.readLog(until); err != nil {
		return err
	}
	defer c.endLog()
	err = a.index.with(func(db *bolt.DB) error {
		return db.View(func(tx *bolt.Tx) error {
			c.tx = tx
			for _, step := range []func() error{c.meta, c.rows, c.expunged, c.references, c.feed, c.memory, c.compareLog} {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if errors.Is(err, errIndex) {
		c.problem("%v", err)
		return nil
	}
	if err != nil {
		return err
	}
	return c.readBodies()
}

// meta reads counters and mailboxes.
func (c *checker) meta() error {
	c.boxes = map[mail.MailboxID]box{}
	c.emails, c.shown, c.threads = tallies[emailTally]{}, emailSet{}, tallies[uint64]{}
	m, err := readMeta(c.account.id, c.tx)
	if err != nil {
		return err
	}
	c.last, c.lsn, c.floor = m.last, m.applied, m.floor
	if c.last.expired, err = mark(c.tx.Bucket([]byte("meta")), markExpired); err != nil {
		return err
	}
	if c.swept, err = mark(c.tx.Bucket([]byte("meta")), markSwept); err != nil {
		return err
	}
	names := map[string]mail.MailboxID{}
	var usage mail.Usage
	err = c.tx.Bucket([]byte("mailboxes")).ForEach(func(k, v []byte) error {
		id := mail.MailboxID(binary.BigEndian.Uint64(k))
		b, err := decodeBox(id, v)
		if err != nil {
			return err
		}
		c.boxes[id] = b
		c.report.Mailboxes++
		usage.Messages += b.usage().Messages
		usage.Bytes += b.usage().Bytes
		if id > c.last.mailbox || b.validity > c.last.validity || b.highest > c.last.modSeq || b.changed > c.last.modSeq {
			c.problem("folder %s has a higher number, or a later change, than this person's counters know", id)
		}
		if b.gone {
			return nil
		}
		if other, taken := names[b.name]; taken {
			c.problem("the folders %s and %s are both called %q", id, other, b.name)
		}
		names[b.name] = id
		return nil
	})
	if err == nil && usage != c.last.usage {
		c.problem("the folders hold %d messages with %d bytes; counted for the quota are %d with %d", usage.Messages, usage.Bytes, c.last.usage.Messages, c.last.usage.Bytes)
	}
	return err
}

// rows checks every row and, from them, the counts of the mailboxes.
func (c *checker) rows() error {
	counted := map[mail.MailboxID]*box{}
	for id, b := range c.boxes {
		counted[id] = &box{id: id, uidNext: b.uidNext}
	}
	lastKey, lastUID := mail.MailboxID(0), mail.UID(0)
	var rows []row
	err := c.tx.Bucket([]byte("rows")).ForEach(func(k, v []byte) error {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		id := mail.MailboxID(binary.BigEndian.Uint64(k))
		b := counted[id]
		var err error
		if b == nil {
			if id > c.last.mailbox || c.swept >= c.last.expired {
				c.problem("there are messages of folder %s which never was", id)
				return nil
			}
			return c.unswept(id, v)
		}
		if rows, err = decodeBlock(rows[:0], v); err != nil {
			return err
		}
		if id != lastKey {
			lastKey, lastUID = id, 0
		}
		for i := range rows {
			r := &rows[i]
			if r.uid <= lastUID || r.uid >= b.uidNext || uint32(r.uid)/blockRows != binary.BigEndian.Uint32(k[8:]) {
				c.problem("message %d of folder %s stands in the wrong place of the index", r.uid, id)
			}
			lastUID = r.uid
			b.count(r)
			b.highest = max(b.highest, r.modSeq)
			if err := c.row(id, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for id, b := range c.boxes {
		n := counted[id]
		if n.total != b.total || n.unseen != b.unseen || n.deleted != b.deleted || n.size != b.size || n.highest > b.highest {
			c.problem("folder %s has %d messages, %d unread, %d marked as deleted, %d bytes, the last change %d; it is noted to have %d, %d, %d, %d, %d",
				id, n.total, n.unseen, n.deleted, n.size, n.highest, b.total, b.unseen, b.deleted, b.size, b.highest)
		}
	}
	return nil
}

// unswept counts the references of rows that have expired with their mailbox and
// wait to be taken out.
func (c *checker) unswept(id mail.MailboxID, v []byte) error {
	rows, err := decodeBlock(nil, v)
	for i := range rows {
		c.refer(id, &rows[i])
	}
	return err
}

// refer counts that a row refers to its email and thread.
func (c *checker) refer(id mail.MailboxID, r *row) {
	c.live++
	if c.tx.Bucket([]byte("entries")).Get(entryKey(r.email, id, r.uid)) == nil {
		c.problem("message %d of folder %s is missing in the list of where its text (%s) stands", r.uid, id, mail.EmailID(r.email))
	}
	c.emails.of(r.email).live++
	*c.threads.of(r.thread) += c.weightOf(id)
}

// row checks one message that is there.
func (c *checker) row(id mail.MailboxID, r *row) error {
	c.report.Messages++
	c.refer(id, r)
	c.shown.add(r.email)
	if mail.EmailID(r.email) > c.last.email || mail.ThreadID(r.thread) > c.last.thread || r.modSeq > c.last.modSeq {
		c.problem("message %d of folder %s has a higher number, or a later change, than this person's counters know", r.uid, id)
	}
	if int(r.keywords) >= len(c.account.keywords.from(0)) {
		c.problem("message %d of folder %s has keywords that the index does not know", r.uid, id)
	}
	if err := c.noted(id, changedRows, r); err != nil {
		return err
	}
	v := c.tx.Bucket([]byte("emails")).Get(key64(mail.EmailID(r.email)))
	if v == nil {
		c.problem("message %d of folder %s can't be opened: the index does not know where its text (%s) is", r.uid, id, mail.EmailID(r.email))
		return nil
	}
	m, err := decodeEmail(mail.EmailID(r.email), v)
	if err != nil {
		return err
	}
	if int64(r.size) != m.size+int64(len(m.prefix)) || m.thread != mail.ThreadID(r.thread) || m.id != r.id || r.marks != marksOf(m.grows) {
		c.problem("message %d of folder %s and its text (%s) have different sizes, threads or ids in the index", r.uid, id, mail.EmailID(r.email))
	}
	return nil
}

// noted checks that the changes bucket tells of the row.
func (c *checker) noted(id mail.MailboxID, kind byte, r *row) error {
	if r.modSeq <= c.last.expired {
		return nil // that long ago is not told of any more
	}
	cursor := c.tx.Bucket([]byte("changes")).Cursor()
	prefix := changesKey(id, kind, r.modSeq, 0)
	prefix = prefix[:len(prefix)-2]
	for k, v := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		_, set, err := decodeChanges(v)
		if err != nil {
			return err
		}
		if set.Contains(r.uid) {
			return nil
		}
	}
	c.problem("message %d of folder %s: its change %d is not noted, so programs may not hear of it", r.uid, id, r.modSeq)
	return nil
}

// named is a message that is damaged, in the words that Health has for it, and what
// else the index can tell of it.
func (c *checker) named(ref journal.BodyRef, r reference) string {
	h := Hurt{Account: c.account.id, Mailbox: c.boxes[r.mailbox].name, UID: r.uid, Received: unpackTime(r.when), ID: r.id, Body: ref}
	if d, err := c.account.store.digest(ref); err == nil {
		h.Subject = d.Subject()
	}
	_, text, _ := strings.Cut(h.Text(""), ": ")
	text += fmt.Sprintf(" (UID %d, id %s", r.uid, r.id)
	if path, found := bytes.CutPrefix(r.prefix, []byte("Return-Path: ")); found {
		if line, _, found := bytes.Cut(path, []byte("\r\n")); found {
			text += ", from " + string(line)
		}
	}
	switch {
	case r.more == 1:
		text += ", and 1 copy"
	case r.more > 1:
		text += fmt.Sprintf(", and %d copies", r.more)
	}
	return text + ")"
}

// readBody reads a body into to, and says how many bytes it has.
func (c *checker) readBody(ref journal.BodyRef, to io.Writer) (int64, error) {
	b, err := c.account.store.journal.Body(ref)
	if err != nil {
		return 0, err
	}
	defer func() { _ = b.Close() }() // only read from
	size, err := b.Size()
	if err != nil {
		return 0, err
	}
	meta, err := b.Meta()
	if err != nil {
		return 0, err
	}
	if _, err := message.DecodeDigest(meta); err != nil {
		return 0, err
	}
	return io.Copy(to, io.NewSectionReader(b, 0, size))
}

// expunged checks what was expunged and can be put back.
func (c *checker) expunged() error {
	return c.tx.Bucket([]byte("expunged")).ForEach(func(k, v []byte) error {
		r, _, err := decodeExpunged(v)
		if err != nil || len(k) != 12 {
			return fmt.Errorf("expunged: %w", errIndex)
		}
		if r.modSeq <= min(c.last.expired, c.swept) {
			c.problem("message %d of folder %s was deleted so long ago that it should have gone from the index", r.uid, mail.MailboxID(binary.BigEndian.Uint64(k)))
		}
		c.emails.of(r.email).kept++
		return c.noted(mail.MailboxID(binary.BigEndian.Uint64(k)), expungedRows, &r)
	})
}

// references checks who refers to emails and threads.
func (c *checker) references() error {
	err := c.tx.Bucket([]byte("emails")).ForEach(func(k, v []byte) error {
		id := mail.EmailID(binary.BigEndian.Uint64(k))
		m, err := decodeEmail(id, v)
		if err != nil {
			return err
		}
		n := *c.emails.of(uint32(id))
		if m.live != uint64(n.live) || m.kept != uint64(n.kept) || (m.live == 0) != (m.goneTime != 0) {
			c.problem("the text %s is shown by %d messages and %d deleted ones; noted are %d and %d", id, n.live, n.kept, m.live, m.kept)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return c.tx.Bucket([]byte("threads")).ForEach(func(k, v []byte) error {
		id := mail.ThreadID(binary.BigEndian.Uint64(k))
		members, _, _, err := decodeThread(id, v)
		if err != nil {
			return err
		}
		sum := uint64(0)
		for mailbox, n := range members {
			sum += uint64(n) * c.weightOf(mailbox)
		}
		if sum == *c.threads.of(uint32(id)) {
			return nil
		}
		counted, err := c.counted(id)
		if err == nil {
			c.problem("thread %s has %s; noted are %s", id, c.members(counted), c.members(members))
		}
		return err
	})
}

// feed checks that there are no more places of emails than rows, and that the
// feed tells of every change after its floor.
func (c *checker) feed() error {
	n := 0
	if err := c.tx.Bucket([]byte("entries")).ForEach(func(_, _ []byte) error { n++; return nil }); err != nil {
		return err
	}
	if n != c.live {
		c.problem("the list of where texts stand has %d places, but there are %d messages", n, c.live)
	}
	next := c.floor + 1
	first := true
	err := c.tx.Bucket([]byte("feed")).ForEach(func(k, v []byte) error {
		var e feedEntry
		if err := e.add(v); err != nil {
			return err
		}
		seq := mail.ModSeq(binary.BigEndian.Uint64(k))
		if seq <= c.floor {
			return nil // waits to be trimmed
		}
		if seq != next && (first || seq != next-1) {
			c.problem("the list of changes has change %d where %d should stand", seq, next)
		}
		next, first = seq+1, false
		return nil
	})
	if err == nil && next != c.last.modSeq+1 {
		c.problem("the list of changes ends with change %d; the last was %d", next-1, c.last.modSeq)
	}
	return err
}

// memory compares what is in memory with the index, if nothing has changed
// since.
func (c *checker) memory() error {
	a := c.account
	a.mu.RLock()
	defer a.mu.RUnlock()
	if a.applied != c.lsn {
		return nil
	}
	return c.compare("memory", a, func(id mail.MailboxID, fn func(*row)) (bool, error) {
		rows := a.boxes[id].rows
		for r := range rows.all() {
			fn(r)
		}
		return rows != nil, nil
	})
}

// beginLog makes c.log, an account as the log has it: from the oldest snapshot that
// counts, or from the first record. What no longer fits into memory goes into an
// index of its own.
func (c *checker) beginLog(inMemory bool) error {
	a := c.account
	files := a.store.files
	list := a.history()
	begin := len(list) > 0 && a.expiredWith(&list[0].snapshot)
	for i := range list {
		if i == 0 && begin {
			continue // it is read below; the others follow from what is before them, and need only be whole
		}
		if err := a.store.readSnapshot(c.ctx, &list[i].snapshot, func(any) error { return nil }); errors.Is(err, errSnapshot) {
			c.lost("a summary of this person's mail in the log can't be read; the box makes another one by itself: %v", err)
		} else if err != nil {
			return err
		}
	}
	for first := 0; ; first++ {
		c.log = newAccount(a.store, a.id)
		if c.log.index.inMemory = inMemory; !inMemory {
			c.log.index.suffix = checkingSuffix
			if err := files.Remove(c.log.index.name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return fmt.Errorf("remove what an earlier check left: %w", err)
			}
		}
		if !begin || first == len(list) {
			return nil
		}
		err := c.log.loadSnapshot(c.ctx, &list[first].snapshot)
		if err == nil {
			return nil
		}
		c.endLog()
		if !errors.Is(err, errSnapshot) {
			return err
		}
		c.lost("a summary of this person's mail, with which the log begins, can't be read; the box makes another one by itself: %v", err)
	}
}

// readLog makes c.log, up to an LSN: in an index beside, or where there is no room for
// that in memory, or not at all.
func (c *checker) readLog(until journal.LSN) error {
	count, noted, omitted := c.count, len(c.report.Problems), c.report.Omitted
	for _, inMemory := range []bool{false, true} {
		c.count, c.report.Problems, c.report.Omitted = count, c.report.Problems[:noted], omitted
		err := c.beginLog(inMemory)
		if err == nil {
			err = c.follow(until)
		}
		if err == nil {
			return nil
		}
		c.endLog()
		if !isFull(err) {
			return err
		}
	}
	c.log = nil
	c.report.Uncompared = append(c.report.Uncompared, c.account.id)
	return nil
}

func (c *checker) endLog() {
	if c.log == nil || c.log.index.inMemory {
		return
	}
	c.log.index.close()
	if err := c.account.store.files.Remove(c.log.index.name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		c.account.store.log.Warn("store: remove the index of a check", "account", c.account.id, "error", err)
	}
}

// follow applies to c.log what the log has up to an LSN.
func (c *checker) follow(until journal.LSN) error {
	a := c.log
	err := a.store.journal.Replay(c.ctx, journal.FamilyStore, a.applied+1, func(r journal.Record) error {
		if r.LSN > until {
			return errStop
		}
		ch, err := decodeChange(r.Payload)
		if err != nil {
			return err
		}
		for i := range ch {
			if ch[i].account != a.id || ch[i].snapshot() != nil || a.applied == 0 && !ch[i].creates() && !a.apartFrom(&ch[i]) ||
				a.applied != 0 && ch[i].modSeq <= a.last.modSeq {
				continue
			}
			if _, err := a.apply(&ch[i], momentOfRecord(&r)); err != nil {
				c.lost("what the log tells does not fit together: %v", err)
				a.lost = true
				return errStop
			}
			if err := a.store.bound(a); err != nil {
				return err
			}
		}
		return nil
	})
	if errors.Is(err, errStop) {
		return nil
	}
	return err
}

// compareLog compares what the log gave with the index, which a checkpoint may
// have brought on by a little.
func (c *checker) compareLog() error {
	if c.log == nil {
		return nil // readLog has said so
	}
	err := c.compareWithLog()
	if isFull(err) {
		c.report.Uncompared = append(c.report.Uncompared, c.account.id)
		return nil
	}
	return err
}

func (c *checker) compareWithLog() error {
	if !c.log.lost {
		if err := c.follow(c.lsn); err != nil {
			return err
		}
	}
	if c.log.lost {
		return nil // follow has said so
	}
	if len(c.account.store.journal.Damage()) > 0 && c.last.modSeq >= c.log.last.modSeq+skipMessages {
		// closeHole has moved the numbers on: the log can't say by how much.
		c.remade("the index was made from a log that is damaged: what was lost there of this person's mail, if anything, is not in it")
		return nil
	}
	if c.log.hole != 0 {
		// The index, if it was there before, has what the log has not.
		c.lost("of what happened to this person's mail, part is lost in the log; the index still has it")
		return nil
	}
	if c.log.indexed == 0 {
		return c.compare("the log", c.log, c.log.eachInMemory)
	}
	if err := c.log.checkpoint(); err != nil {
		return err
	}
	return c.compare("the log", c.log, c.log.eachInIndex)
}

// eachInMemory gives fn the messages of a mailbox of an account that has no index.
func (a *account) eachInMemory(id mail.MailboxID, fn func(*row)) (known bool, err error) {
	rows := a.boxes[id].rows
	if rows == nil {
		rows = a.dirty.rows[id]
	}
	for r := range rows.all() {
		if !r.gone() {
			fn(r)
		}
	}
	return true, nil
}

// eachInIndex gives fn the messages that the index has in a mailbox.
func (a *account) eachInIndex(id mail.MailboxID, fn func(*row)) (known bool, err error) {
	return true, a.index.view(func(tx *bolt.Tx) error { return eachRow(tx, id, fn) })
}

// eachRow gives fn the messages of a mailbox, by UID.
func eachRow(tx *bolt.Tx, id mail.MailboxID, fn func(*row)) error {
	prefix := key64(id)
	cursor := tx.Bucket([]byte("rows")).Cursor()
	var rows []row
	for k, v := cursor.Seek(prefix); bytes.HasPrefix(k, prefix); k, v = cursor.Next() {
		var err error
		if rows, err = decodeBlock(rows[:0], v); err != nil {
			return err
		}
		for i := range rows {
			fn(&rows[i])
		}
	}
	return nil
}

// errStop ends a replay early.
var errStop = errors.New("stop")

// eachFunc gives fn the messages of a mailbox, by UID; false when they are not
// known.
type eachFunc func(id mail.MailboxID, fn func(*row)) (known bool, err error)

// compare compares an account with the index.
func (c *checker) compare(what string, a *account, each eachFunc) error {
	if a.last != c.last {
		c.problem("index and %s count differently: %s", what, differentCounters(what, c.last, a.last))
	}
	if len(a.boxes) != len(c.boxes) {
		c.problem("the index has %d folders, %s %d", len(c.boxes), what, len(a.boxes))
		return nil
	}
	subscribed := map[string]bool{}
	_ = c.tx.Bucket([]byte("subscriptions")).ForEach(func(k, _ []byte) error { // fn never fails
		subscribed[string(k)] = true
		return nil
	})
	if !maps.Equal(a.subscribed, subscribed) {
		c.problem("the folders that programs are to show are %q in the index, %q in %s", slices.Sorted(maps.Keys(subscribed)), slices.Sorted(maps.Keys(a.subscribed)), what)
	}
	for id, b := range c.boxes {
		other := a.boxes[id]
		if other == nil {
			c.problem("folder %s is in the index, but not in %s", id, what)
			continue
		}
		same := other.box
		same.goneTime = b.goneTime // to the second in the index
		if same != b {
			c.problem("folder %s differs: %s", id, differentBoxes(what, b, same))
		}
		if err := c.compareRows(what, a, id, each); err != nil {
			return err
		}
	}
	return nil
}

// compareRows goes through both sides by UID, so that neither has to be in memory.
func (c *checker) compareRows(what string, a *account, id mail.MailboxID, each eachFunc) error {
	var broken error
	indexed, stop := iter.Pull(func(yield func(row) bool) {
		more := true
		broken = guard(func() error { return eachRow(c.tx, id, func(r *row) { more = more && yield(*r) }) })
	})
	defer stop()
	next, more := indexed()
	var over, missing mail.UIDSet // in the index alone, and there alone
	known, err := each(id, func(r *row) {
		for ; more && next.uid < r.uid; next, more = indexed() {
			over = over.Add(next.uid)
		}
		if !more || next.uid != r.uid {
			missing = missing.Add(r.uid)
			return
		}
		x, y := *r, next
		next, more = indexed()
		same := slices.Equal(a.keywords.set(x.keywords), c.account.keywords.set(y.keywords))
		x.keywords = y.keywords
		if x != y || !same {
			c.problem("message %d of folder %s differs: %s", r.uid, id, differentRows(what, y, *r, c.account.keywords, a.keywords))
		}
	})
	if err == nil {
		err = broken
	}
	for ; known && more; next, more = indexed() {
		over = over.Add(next.uid)
	}
	if len(over) > 0 {
		c.problem("%s of folder %s: in the index, but not in %s", numbered(over), id, what)
	}
	if len(missing) > 0 {
		c.problem("%s of folder %s: not in the index, but in %s", numbered(missing), id, what)
	}
	return err
}
