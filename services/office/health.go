package office

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// findings are what is not as it should be with the office's mail, for screen and
// pages.
func (o *Office) findings(ctx context.Context) []mail.Finding {
	var list []mail.Finding
	if o.readOnly.Load() {
		list = append(list, o.readOnlyFinding())
	}
	if !o.sure() && time.Since(o.started) > sureSoon {
		list = append(list, mail.Finding{
			What: "The box does not know the date: its own clock had stopped, and no time server answers. Mail comes and goes; what is collected from providers waits.",
			ToDo: "Let the box reach a time server on the Internet (UDP port 123), or one of the office's.",
		})
	}
	if o.audit.Err() != nil && !o.readOnly.Load() {
		list = append(list, mail.Finding{
			What: "What administrators change can't be noted any more: the disk has refused it.",
			ToDo: "Restart the box. If this comes back, have the disk looked at.",
		})
	}
	list = append(list, o.signer.Findings()...)
	for _, e := range o.allowance.Exhausted() {
		list = append(list, o.exhaustedFinding(e))
	}
	for _, l := range o.judge.of.Troubles() {
		list = append(list, mail.Finding{
			What: fmt.Sprintf("The block list %s can't be asked: %s. Mail is taken without it.", l.Zone, l.Reason),
			ToDo: fmt.Sprintf("boxctl blocklist test %s says whether it works again; boxctl blocklist remove %s ends its use.", l.Zone, l.Zone),
		})
	}
	person := func(id mail.AccountID) string {
		if a, err := o.directory.Account(ctx, id); err == nil {
			return a.Address.String()
		}
		return "account " + id.String()
	}
	if ids := o.store.Unready(); len(ids) > 0 {
		list = append(list, unreadyFinding(ids, person))
	}
	list = append(list, o.machineFindings(ctx)...)
	list = append(list, o.encryptionFindings(ctx)...)
	list = append(list, o.roomFindings()...)
	return append(list, o.upkeep.Health().Findings(person)...)
}

// encryptionFindings is about a disk that only this machine can open.
func (o *Office) encryptionFindings(ctx context.Context) []mail.Finding {
	if o.options.Encryption == nil {
		return nil
	}
	state, err := o.options.Encryption.Encryption(ctx)
	if err != nil {
		o.log.Warn("nobody says how the disk is encrypted", "err", err)
		return nil
	}
	if !state.Encrypted || state.Phrase {
		return nil
	}
	return []mail.Finding{{
		What: "The disk is encrypted, and nobody has made a recovery phrase: if this machine breaks, the mail on its disk is lost.",
		ToDo: "Make one under Box, Encryption, and keep it where the box is not.",
	}}
}

// maxNamed is how many people a finding names.
const maxNamed = 5

// unreadyFinding is for people whose mail can't be opened now (store.Store.Unready).
func unreadyFinding(ids []mail.AccountID, person func(mail.AccountID) string) mail.Finding {
	var names []string
	for _, id := range ids[:min(len(ids), maxNamed)] {
		names = append(names, person(id))
	}
	who := strings.Join(names, ", ")
	if n := len(ids) - len(names); n > 0 {
		who += fmt.Sprintf(" and %d more", n)
	}
	return mail.Finding{
		What: fmt.Sprintf("The mail of %s can't be opened: the list of their messages was damaged, and the disk has no room to make it again. No mail is lost.", who),
		ToDo: "Put a larger disk in, or make room on this one; the box then makes it again by itself.",
	}
}

// warning is what the screen says of findings: the first, and how many there are.
func warning(list []mail.Finding) string {
	text := list[0].What + " " + list[0].ToDo
	switch n := len(list) - 1; {
	case n == 1:
		text += " One more thing is to be looked at: boxctl health says which."
	case n > 1:
		text += fmt.Sprintf(" %d more things are to be looked at: boxctl health says which.", n)
	}
	return text
}

// doctor is the office as the pages ask how it is.
type doctor struct{ o *Office }

// Health says how the mail is.
func (d doctor) Health(ctx context.Context) web.Health {
	h := d.o.upkeep.Health()
	return web.Health{
		Findings: d.o.findings(ctx), Notes: published(d).Notes(), LastRead: h.LastScrub, NextRead: h.NextScrub,
		LogBytes: h.Space.Bytes, DeadBytes: h.Space.Dead, FreedBytes: h.Freed, FreeBytes: h.Free,
	}
}
