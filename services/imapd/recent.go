package imapd

import (
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// recentMarks knows which messages some session has already been told of, for
// \Recent (RFC 3501 §2.3.2). It lives in memory: after a restart the first
// session to select a mailbox finds everything recent, which is what RFC 3501
// asks of a server that can't know. It has one small entry for each mailbox that
// has been selected. IMAP4rev2 has done away with \Recent.
type recentMarks struct {
	mu   sync.Mutex
	next map[recentKey]mail.UID // first UID that nobody has been told of
}

type recentKey struct {
	account mail.AccountID
	mailbox mail.MailboxID
}

// claim makes every message before next known, and returns the first that was
// not.
func (m *recentMarks) claim(account mail.AccountID, mailbox mail.MailboxID, next mail.UID) mail.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := recentKey{account, mailbox}
	first := max(m.next[key], 1)
	m.next[key] = max(first, next)
	return first
}

// peek returns the first message that nobody has been told of.
func (m *recentMarks) peek(account mail.AccountID, mailbox mail.MailboxID) mail.UID {
	m.mu.Lock()
	defer m.mu.Unlock()
	return max(m.next[recentKey{account, mailbox}], 1)
}
