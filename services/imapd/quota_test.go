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

// TestGetQuota: what there is a bound for is told, in units rounded up.
func TestGetQuota(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		quota mail.Quota
		want  string
	}{
		{mail.Quota{Messages: 7}, "(MESSAGE 2 7)"},
		{mail.Quota{Bytes: 1500}, "(STORAGE 1 2)"},
		{mail.Quota{Bytes: 3 << 30, Messages: 5}, "(STORAGE 1 3145728 MESSAGE 2 5)"},
		{mail.Quota{Messages: 1}, "(MESSAGE 2 1)"}, // lowered
	} {
		b := newBox(t)
		b.put("INBOX", nilFlags(), "a\n\nb\n", "c\n\nd\n")
		b.store.SetQuota(func(mail.AccountID) mail.Quota { return test.quota })
		b.runner().Run(t, "get quota", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK .*/
C: b GETQUOTA ""
S: * QUOTA "" `+test.want+`
S: b OK GETQUOTA completed
C: c GETQUOTAROOT inbox
S: * QUOTAROOT INBOX ""
S: * QUOTA "" `+test.want+`
S: c OK GETQUOTAROOT completed
C: d GETQUOTA other
S: d NO [NONEXISTENT] There is no such quota root
C: e SETQUOTA "" (MESSAGE 100)
S: e NO [NOPERM] Only the administrator sets quotas
`)
	}
}
