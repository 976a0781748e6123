package moving

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/emersion/go-imap/v2"

	"github.com/sanduk-mail/sanduk/services/collect"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

const (
	// maxFolders is above what people have.
	maxFolders = 10_000
	// listBytes is what the list of folders may take.
	listBytes = 16 << 20
)

// copier is one run of one move.
type copier struct {
	m       *Mover
	t       *task
	account Account
	line    *collect.Line
	notes   *notes
	boxes   []mail.Mailbox
	others  map[hash]bool // what other folders have, where there is one of all mail
}

// folder is one at the provider.
type folder struct {
	name string // there, decoded
	to   string // here
	role mail.Role
	all  bool // it has what other folders have too
	id   hash
}

func (c *copier) run(ctx context.Context) error {
	folders, err := c.folders()
	if err != nil {
		return err
	}
	if c.boxes, err = c.account.Mailboxes(ctx); err != nil {
		return err
	}
	c.t.note(func(s *Status) { s.OfFolders = len(folders) })
	for _, f := range folders {
		c.t.note(func(s *Status) { s.Folder = f.name })
		if err := c.folder(ctx, f); err != nil {
			return fmt.Errorf("folder %s: %w", f.name, err)
		}
		c.t.note(func(s *Status) { s.Folders++ })
		c.m.keep(c.t)
	}
	return nil
}

// folders lists what is to be copied, that of all mail last.
func (c *copier) folders() ([]*folder, error) {
	c.line.Allow(listBytes)
	var options *imap.ListOptions
	if c.line.Client.Caps().Has(imap.CapSpecialUse) {
		options = &imap.ListOptions{ReturnSpecialUse: true}
	}
	cmd := c.line.Client.List("", "*", options)
	var list []*imap.ListData
	for d := cmd.Next(); d != nil; d = cmd.Next() {
		if len(list) < maxFolders {
			list = append(list, d)
		}
	}
	if err := collect.Refused("LIST", cmd.Close()); err != nil {
		return nil, err
	}
	hasAll := slices.ContainsFunc(list, func(d *imap.ListData) bool { return slices.Contains(d.Attrs, imap.MailboxAttrAll) })
	var folders []*folder
	taken := map[string]bool{}
	for _, d := range list {
		is := func(a imap.MailboxAttr) bool {
			return slices.ContainsFunc(d.Attrs, func(b imap.MailboxAttr) bool { return strings.EqualFold(string(a), string(b)) })
		}
		switch {
		case is(imap.MailboxAttrNoSelect), is(imap.MailboxAttrNonExistent), slices.Contains(c.t.move.Leave, d.Mailbox):
			continue
		case hasAll && (is(imap.MailboxAttrFlagged) || is(imap.MailboxAttrImportant)):
			continue // a view of the same messages
		}
		f := &folder{name: d.Mailbox, to: localName(d.Mailbox, d.Delim), role: roleOf(d.Attrs), all: is(imap.MailboxAttrAll), id: hashOf(d.Mailbox)}
		if f.role == mail.RoleNone && !strings.ContainsRune(f.to, mail.Delimiter) {
			f.role = transfer.SpecialUse(f.to)
		}
		// Two that would be one here, as "a/b" and "a_b" may: both go there.
		if taken[f.to] {
			c.t.problem("Two folders at the provider are called %s here, and come together", f.to)
		}
		taken[f.to] = true
		folders = append(folders, f)
	}
	if hasAll {
		c.others = map[hash]bool{}
	}
	slices.SortStableFunc(folders, func(a, b *folder) int {
		return cmp.Or(cmp.Compare(order(a), order(b)), strings.Compare(a.name, b.name))
	})
	return folders, nil
}

// order puts INBOX first, for which people wait, and all mail last.
func order(f *folder) int {
	switch {
	case f.to == mail.Inbox:
		return 0
	case f.all:
		return 2
	}
	return 1
}

// roleOf is what the provider says that a folder is for.
func roleOf(attrs []imap.MailboxAttr) mail.Role {
	for _, a := range attrs {
		switch imap.MailboxAttr(strings.ToLower(string(a))) {
		case "\\archive", "\\all":
			return mail.RoleArchive
		case "\\drafts":
			return mail.RoleDrafts
		case "\\junk":
			return mail.RoleJunk
		case "\\sent":
			return mail.RoleSent
		case "\\trash":
			return mail.RoleTrash
		}
	}
	return mail.RoleNone
}

// localName is a folder's name here: levels are parted by our own separator, which
// becomes "_" where it stood within one, and what no name can have is left out.
func localName(name string, delim rune) string {
	levels := []string{name}
	if delim != 0 {
		levels = strings.Split(name, string(delim))
	}
	var kept []string
	for _, level := range levels {
		level = strings.Map(func(r rune) rune {
			switch {
			case r == mail.Delimiter:
				return '_'
			case unicode.IsControl(r), r == unicode.ReplacementChar:
				return -1
			}
			return r
		}, level)
		if level = strings.TrimSpace(level); level != "" {
			kept = append(kept, level)
		}
	}
	// Providers that put all folders below INBOX have no others beside it.
	if len(kept) > 1 && strings.EqualFold(kept[0], mail.Inbox) {
		kept = kept[1:]
	}
	if len(kept) > mail.MaxMailboxDepth {
		kept = append(kept[:mail.MaxMailboxDepth-1:mail.MaxMailboxDepth-1], strings.Join(kept[mail.MaxMailboxDepth-1:], "_"))
	}
	if local, err := mail.MailboxName(strings.Join(kept, string(mail.Delimiter))); err == nil {
		return local
	}
	return fmt.Sprintf("Folder %.8x", hashOf(name))
}

// mailbox finds or makes the mailbox for a folder.
func (c *copier) mailbox(ctx context.Context, f *folder) (mail.MailboxID, error) {
	var byName, byRole mail.MailboxID
	for _, b := range c.boxes {
		if b.Kind != mail.KindMail {
			continue
		}
		if b.Name == f.to {
			byName = b.ID
		}
		if f.role != mail.RoleNone && b.Role == f.role {
			byRole = b.ID
		}
	}
	if id := cmp.Or(byRole, byName); id != 0 {
		return id, nil
	}
	made, err := c.account.CreateMailbox(ctx, f.to, f.role)
	if err != nil {
		return 0, err
	}
	if err := c.account.Subscribe(ctx, made.Name, true); err != nil {
		return 0, err
	}
	c.boxes, err = c.account.Mailboxes(ctx) // levels above were made too
	return made.ID, err
}
