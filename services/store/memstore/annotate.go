package memstore

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Annotate makes changes to what is written on a mailbox.
func (h *Account) Annotate(_ context.Context, id mail.MailboxID, changes []mail.Annotation) error {
	err := h.lock()
	defer h.s.mu.Unlock()
	if err != nil {
		return err
	}
	m, err := h.a.box(id)
	if err != nil {
		return err
	}
	notes, err := m.Annotations.With(changes...)
	if err != nil || notes == m.Annotations {
		return err
	}
	total := notes.Size()
	for _, other := range h.a.boxes {
		if !other.gone && other != m {
			total += other.Annotations.Size()
		}
	}
	if total > mail.MaxAccountAnnotations && notes.Size() > m.Annotations.Size() {
		return mail.ErrTooMany
	}
	h.a.begin()
	m.Annotations = notes
	h.a.touchBox(m)
	h.a.wake()
	return nil
}
