package pop3d

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// maildrop is INBOX as it was when the session logged in.
type maildrop struct {
	account  Account
	mailbox  mail.MailboxID
	validity mail.UIDValidity
	entries  []entry // message n is entries[n-1]
	rules    mail.POP3
	leaving  leaving
}

// entry is one message.
type entry struct {
	uid     mail.UID
	email   mail.EmailID
	deleted bool  // by DELE, in this session
	sent    bool  // by RETR, in this session, whole
	fetched bool  // and it has arrived
	size    int64 // in octets as it is sent, but for dots that are doubled (RFC 1939 §11)
}

// everything is the set of all UIDs.
func everything() mail.UIDSet { return mail.UIDSet{{First: 1, Last: ^mail.UID(0)}} }

// enter opens the maildrop of whoever has logged in. The session is then in the
// transaction state.
func (s *session) enter(ctx context.Context, login mail.Login) error {
	if !s.server.lock(login.Account) {
		return &Error{Code: codeInUse, Text: "Another session has your maildrop open, try again in a moment"}
	}
	defer func() {
		if s.drop == nil { // also when something panics: nobody could log in again
			s.server.unlock(login.Account)
		}
	}()
	if err := s.server.early(login.Account); err != nil {
		return err
	}
	drop, err := openMaildrop(ctx, s.server.options.Open, login.Account, s.log)
	if err != nil {
		return err
	}
	drop.rules = s.server.rules(login.Account)
	s.server.entered(login.Account, drop.rules.LoginDelay)
	s.login, s.drop, s.state, s.bad = login, drop, transaction, 0
	s.server.desk.Own(s, login.Account)
	s.link.until = time.Time{}
	s.log = s.log.With("account", login.Address.String())
	if s.server.options.Seen != nil {
		s.server.options.Seen(login, s.peer, "")
	}
	s.log.Info("logged in", "messages", len(drop.entries))
	count, size := drop.total()
	s.wire.ok("%d messages (%d octets)", count, size)
	return nil
}

func openMaildrop(ctx context.Context, open func(context.Context, mail.AccountID) (Account, error), id mail.AccountID, log *slog.Logger) (*maildrop, error) {
	account, err := open(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("open account %s: %w", id, err)
	}
	inbox, err := account.Mailbox(ctx, mail.Inbox)
	if err != nil {
		return nil, fmt.Errorf("open INBOX of account %s: %w", id, err)
	}
	d := &maildrop{account: account, mailbox: inbox.ID, validity: inbox.UIDValidity, entries: make([]entry, 0, inbox.Total)}
	for row, err := range account.Rows(ctx, inbox.ID, everything()) {
		if err != nil {
			return nil, fmt.Errorf("list INBOX of account %s: %w", id, err)
		}
		size := row.Canonical
		if size == 0 {
			if size, err = account.CanonicalSize(ctx, inbox.ID, row.UID); err != nil {
				// One that went meanwhile, or that the disk does not give, keeps
				// nobody from the others: RETR says what is the matter.
				log.Warn("size of a message is not known", "id", row.ID.String(), "uid", row.UID, "err", err)
				size = row.Size
			}
		}
		d.entries = append(d.entries, entry{uid: row.UID, email: row.Email, size: size})
	}
	return d, nil
}

// total is how many messages there are and their size, without those deleted.
func (d *maildrop) total() (count int, size int64) {
	for _, e := range d.entries {
		if !e.deleted {
			count++
			size += e.size
		}
	}
	return count, size
}

// find gives the message that a client calls by this number, which it must not
// have deleted.
func (d *maildrop) find(number string) (n int, e *entry, err error) {
	n, err = strconv.Atoi(number)
	if err != nil || n < 1 || strings.HasPrefix(number, "+") {
		return 0, nil, syntaxError{"A message number was expected"}
	}
	if n > len(d.entries) {
		return 0, nil, &Error{Text: fmt.Sprintf("There is no message %d, only %d of them", n, len(d.entries))}
	}
	if e = &d.entries[n-1]; e.deleted {
		return 0, nil, &Error{Text: fmt.Sprintf("Message %d is deleted", n)}
	}
	return n, e, nil
}

// uniqueID is what UIDL calls a message: the same in every session for as long
// as UIDVALIDITY stands, and never another's (RFC 1939 §7).
func (d *maildrop) uniqueID(e *entry) string {
	return strconv.FormatUint(uint64(d.validity), 10) + "." + strconv.FormatUint(uint64(e.uid), 10)
}
