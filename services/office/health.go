package office

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/web"
)

// findings are what is not as it should be with the office's mail, for screen and
// pages.
func (o *Office) findings(ctx context.Context) []mail.Finding {
	var list []mail.Finding
	if o.readOnly.Load() {
		list = append(list, mail.Finding{What: readOnlyWhat, ToDo: readOnlyToDo})
	}
	list = append(list, o.signer.Findings()...)
	for _, e := range o.allowance.Exhausted() {
		list = append(list, o.exhaustedFinding(e))
	}
	return append(list, o.upkeep.Health().Findings(func(id mail.AccountID) string {
		if a, err := o.directory.Account(ctx, id); err == nil {
			return a.Address.String()
		}
		return "account " + id.String()
	})...)
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
		Findings: d.o.findings(ctx), LastRead: h.LastScrub, NextRead: h.NextScrub,
		LogBytes: h.Space.Bytes, DeadBytes: h.Space.Dead, FreedBytes: h.Freed, FreeBytes: h.Free,
	}
}
