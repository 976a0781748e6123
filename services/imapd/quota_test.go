package imapd

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestOverQuota: what makes mail more is refused with its own code (RFC 9208
// §4.3.1), what does not goes on.
func TestOverQuota(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	b.store.SetQuota(func(mail.AccountID) mail.Quota { return mail.Quota{Messages: 2} })
	b.put("INBOX", nilFlags(), "a\n\nb\n", "c\n\nd\n")
	b.runner().Run(t, "quota", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b APPEND INBOX {4+}
C: x
C: y
S: b NO [OVERQUOTA] The account's space is used up
C: c SELECT INBOX
S: /\* FLAGS .*/
S: /.*PERMANENTFLAGS.*/
S: * 2 EXISTS
S: /.*RECENT/
S: /.*UNSEEN.*/
S: /.*UIDVALIDITY.*/
S: /.*UIDNEXT.*/
S: /.*HIGHESTMODSEQ.*/
S: /.*MAILBOXID.*/
S: /c OK .*/
C: d COPY 1 Archive
S: d NO [OVERQUOTA] The account's space is used up
C: e STORE 1 +FLAGS.SILENT (\Seen)
S: /e OK .*/
C: f MOVE 1 Archive
S: /\* OK \[COPYUID .*/
S: * 1 EXPUNGE
S: /f OK .*/
C: h STORE 1 +FLAGS.SILENT (\Deleted)
S: /h OK .*/
C: i EXPUNGE
S: * 1 EXPUNGE
S: /i OK .*/
C: j APPEND INBOX {4+}
C: x
C: y
S: * 1 EXISTS
S: /.*RECENT/
S: /j OK .*/
`)
}
