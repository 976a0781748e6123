package moving

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxMessages bounds a folder: 24 bytes are kept of each.
	maxMessages = 5_000_000
	// perMessage is what a line of a listing may take: flags are the most of it.
	perMessage = 4096
	// maxSameFlags is how many messages get their flags by one change.
	maxSameFlags = 1000
)

// entry is a message of a folder as it is listed.
type entry struct {
	uid   uint32
	size  int64
	flags uint64
}

// folder copies one folder: what is new, what has changed, what has gone.
func (c *copier) folder(ctx context.Context, f *folder) error {
	data, err := c.line.Client.Select(f.name, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err := collect.Refused("EXAMINE", err); err != nil {
		if ctx.Err() != nil || c.line.Client.State() == imap.ConnStateLogout {
			return err
		}
		c.t.problem("%s can't be opened: %s", f.name, collect.Explain(&c.t.move.Source, err))
		return nil
	}
	if data.NumMessages > maxMessages {
		c.t.problem("%s has more than %d messages and is left out", f.name, maxMessages)
		return nil
	}
	c.t.note(func(s *Status) { s.Messages += int(data.NumMessages) })
	to, err := c.mailbox(ctx, f)
	if err != nil {
		return err
	}
	if err := c.notes.enter(f.id, data.UIDValidity, to); err != nil {
		return err
	}
	p := &plan{c: c, f: f, to: to, flags: map[uint64]mail.Flags{}}
	if err := p.list(data.NumMessages); err != nil {
		return err
	}
	if err := p.compare(); err != nil {
		return err
	}
	if err := p.change(ctx); err != nil {
		return err
	}
	return p.fetch(ctx)
}

// plan is what is to be done in one folder.
type plan struct {
	c       *copier
	f       *folder
	to      mail.MailboxID
	listed  []entry               // by UID
	flags   map[uint64]mail.Flags // by their hash
	changed map[uint64][]noted    // by the hash of the flags that they have now
	gone    []noted
	fresh   []entry
}

// list asks for all messages, which come one by one.
func (p *plan) list(count uint32) error {
	if count == 0 {
		return nil
	}
	p.c.line.Allow(perMessage * int64(count))
	options := &imap.FetchOptions{UID: true, Flags: true, RFC822Size: true}
	if p.c.others != nil {
		options.InternalDate = true
		options.BodySection = []*imap.FetchItemBodySection{{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{"Message-ID", "Date", "From", "Subject"}, Peek: true}}
	}
	cmd := p.c.line.Client.Fetch(imap.UIDSet{imap.UIDRange{Start: 1, Stop: 0}}, options)
	for msg := cmd.Next(); msg != nil; msg = cmd.Next() {
		e, flags, same, err := readListed(msg)
		if err != nil {
			return fmt.Errorf("FETCH: %w", err)
		}
		if e.uid == 0 || len(p.listed) >= maxMessages {
			continue
		}
		if _, known := p.flags[e.flags]; !known {
			p.flags[e.flags] = flags
		}
		if p.c.others != nil {
			if p.f.all && p.c.others[same] {
				continue // another folder has it
			}
			p.c.others[same] = true
		}
		p.listed = append(p.listed, e)
	}
	if err := collect.Refused("FETCH", cmd.Close()); err != nil {
		return err
	}
	slices.SortFunc(p.listed, func(a, b entry) int { return int(int64(a.uid) - int64(b.uid)) })
	p.listed = slices.CompactFunc(p.listed, func(a, b entry) bool { return a.uid == b.uid })
	return nil
}

// maxIdentity is how much of a header says what message it is.
const maxIdentity = 64 << 10

// readListed reads a message as it is listed. same is what it has in common with
// itself in other folders.
func readListed(msg *imapclient.FetchMessageData) (e entry, flags mail.Flags, same hash, err error) {
	h := sha256.New()
	var date time.Time
	for item := msg.Next(); item != nil; item = msg.Next() {
		switch item := item.(type) {
		case imapclient.FetchItemDataUID:
			e.uid = uint32(item.UID)
		case imapclient.FetchItemDataRFC822Size:
			e.size = item.Size
		case imapclient.FetchItemDataInternalDate:
			date = item.Time
		case imapclient.FetchItemDataFlags:
			flags, e.flags = readFlags(item.Flags)
		case imapclient.FetchItemDataBodySection:
			if item.Literal != nil {
				if err := readAll(&bounded{h, maxIdentity}, item.Literal); err != nil {
					return e, flags, same, err
				}
			}
		}
	}
	fmt.Fprintf(h, "\x00%d\x00%d", e.size, date.Unix())
	return e, flags, hash(h.Sum(nil)[:16]), nil
}

// readFlags gives flags without those that say nothing here, and their hash.
func readFlags(list []imap.Flag) (mail.Flags, uint64) {
	var names []string
	for _, name := range list {
		// \Deleted stays there: what is about to go does not come, and what stays
		// should not go by somebody's next EXPUNGE.
		if isKeyword(string(name)) || strings.HasPrefix(string(name), `\`) && !strings.EqualFold(string(name), `\Deleted`) {
			names = append(names, string(name))
		}
	}
	flags := mail.NewFlags(names...)
	if flags.Check() != nil {
		flags.Keywords = nil // more than a message can have
	}
	sum := sha256.Sum256([]byte(strings.ToLower(strings.Join(flags.Names(), " "))))
	return flags, binary.BigEndian.Uint64(sum[:])
}

// isKeyword says whether a flag can be a keyword (RFC 9051 §9, flag-keyword).
func isKeyword(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune(`(){%*"\]`, r) })
}

// compare finds out what is new, what has changed, and what has gone.
func (p *plan) compare() error {
	p.changed = map[uint64][]noted{}
	at := 0
	err := p.c.notes.each(p.f.id, func(uid uint32, k known) error {
		for at < len(p.listed) && p.listed[at].uid < uid {
			p.fresh = append(p.fresh, p.listed[at])
			at++
		}
		if at == len(p.listed) || p.listed[at].uid > uid {
			p.gone = append(p.gone, noted{uid, k})
			return nil
		}
		if e := p.listed[at]; e.flags != k.flags {
			k.flags = e.flags
			p.changed[e.flags] = append(p.changed[e.flags], noted{uid, k})
		}
		at++
		return nil
	})
	if err != nil {
		return err
	}
	p.fresh = append(p.fresh, p.listed[at:]...)
	if len(p.listed) == 0 && len(p.gone) > 0 && !p.f.all {
		p.c.t.problem("%s is empty at the provider now, with %d messages before: they stay here", p.f.name, len(p.gone))
		p.gone = nil
	}
	p.listed = nil
	return nil
}

// change carries over what has happened at the provider to what is here.
func (p *plan) change(ctx context.Context) error {
	for flags, all := range p.changed {
		for list := range slices.Chunk(all, maxSameFlags) {
			err := each(list, func(box mail.MailboxID, set mail.UIDSet) error {
				_, err := p.c.account.SetFlags(ctx, box, set, mail.FlagsReplace, p.flags[flags], nil)
				return err
			})
			if err != nil {
				return err
			}
			if err := p.c.notes.put(p.f.id, list); err != nil {
				return err
			}
			p.c.t.note(func(s *Status) { s.Flagged += len(list) })
		}
	}
	for list := range slices.Chunk(p.gone, maxSameFlags) {
		deleted := 0
		err := each(list, func(box mail.MailboxID, set mail.UIDSet) error {
			gone, err := p.c.account.Expunge(ctx, box, set, false)
			deleted += gone.Len()
			if gone.Len() > 0 {
				p.c.m.o.Left(p.c.t.move.visit(), box, gone)
			}
			return err
		})
		if err != nil {
			return err
		}
		if err := p.c.notes.drop(p.f.id, list); err != nil {
			return err
		}
		p.c.t.note(func(s *Status) { s.Deleted += deleted })
	}
	return nil
}

// visit is a move as one who has logged in.
func (m *Move) visit() *mail.Visit {
	return &mail.Visit{Login: mail.Login{Account: m.Account, Address: m.Address}, Protocol: "move", Program: m.Source.Host}
}

// each calls fn for each mailbox here in which some of the messages are. One that
// somebody has removed is passed over.
func each(list []noted, fn func(mail.MailboxID, mail.UIDSet) error) error {
	byBox := map[mail.MailboxID][]mail.UID{}
	for _, m := range list {
		byBox[m.mailbox] = append(byBox[m.mailbox], m.uid)
	}
	for box, uids := range byBox {
		if err := fn(box, mail.SetOf(uids...)); err != nil && !isGone(err) {
			return err
		}
	}
	return nil
}
