package smtpd

import (
	"errors"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/message"
)

// textual makes of a message in binary (RFC 3030 §3) one in text, which the store, programs and other servers take. It
// comes behind the judging: signatures are over the bytes that came.
func (c *conn) textual(t *transaction) error {
	if !t.binary || t.text.fault == "" && !message.HasBinary(t.body.Digest()) {
		return nil
	}
	old := t.body
	defer old.Discard()
	t.body = c.server.options.Draft(c.server.options.MaxSize) // discarded with the transaction, whatever comes
	t.text = &checkedText{to: t.body}
	err := message.EncodeBinary(t.text, old.Reader(), old.Digest())
	switch {
	case errors.Is(err, message.ErrSignedBinary):
		return contentError("The message has a signed part in binary, and its signature would not hold here; send it encoded")
	case errors.Is(err, message.ErrBinaryContainer):
		return contentError("The message has a part in binary that can't be looked into; send it encoded")
	case err != nil:
		return fmt.Errorf("make text of binary: %w", err)
	}
	if err := t.text.finish(); err != nil {
		return err
	}
	return t.body.Finish()
}
