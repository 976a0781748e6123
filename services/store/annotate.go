package store

import (
	"context"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Annotate makes changes to what is written on a mailbox, all or none.
func (h *Account) Annotate(ctx context.Context, id mail.MailboxID, changes []mail.Annotation) error {
	if err := h.check(); err != nil {
		return err
	}
	err := h.change(ctx, verbAnnotate, func(p *pending, _ moment) ([]op, error) {
		b, err := livingBox(p, id)
		if err != nil {
			return nil, err
		}
		notes, err := b.notes.With(changes...)
		if err != nil || notes == b.notes {
			return nil, err
		}
		total := notes.Size() - b.notes.Size()
		p.each(func(b *box) { total += b.notes.Size() })
		if total > mail.MaxAccountAnnotations && notes.Size() > b.notes.Size() {
			return nil, mail.ErrTooMany
		}
		return []op{annotate{id, notes}}, nil
	})
	if err != nil {
		return fmt.Errorf("annotate mailbox %s: %w", id, err)
	}
	return nil
}
