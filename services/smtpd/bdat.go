package smtpd

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// bdat is RFC 3030 §2: one chunk of a message, its length given before. The
// bytes follow the command whether it is refused or not, so they are read in
// any case.
func (c *conn) bdat(arguments string) error {
	size, last, err := parseChunk(arguments)
	if err != nil {
		return fmt.Errorf("%w: nobody knows how many bytes follow: %w", err, c.hangUp(err))
	}
	refusal := c.check(needGreeting | needMail | needRcpt)
	if refusal != nil {
		return c.skipChunk(size, refusal)
	}
	t := c.transaction
	if !t.chunked {
		t.chunked = true
		c.begin()
	}
	if size > c.server.options.MaxSize-t.text.size { // the sum could overflow
		err := c.skipChunk(size, mail.ErrTooLarge)
		c.reset()
		return err
	}
	if err := c.readChunk(t.text, size); err != nil {
		return c.cutOff(err)
	}
	if !last {
		c.wire.reply(250, mail.Status2_0_0OK, fmt.Sprintf("%d octets received", size))
		return nil
	}
	defer c.reset()
	return c.finish()
}

// parseChunk reads `size [LAST]`.
func parseChunk(arguments string) (size int64, last bool, err error) {
	number, word, _ := strings.Cut(arguments, " ")
	n, err := strconv.ParseUint(number, 10, 63)
	if err != nil || word != "" && !strings.EqualFold(word, "LAST") {
		return 0, false, &Error{Code: 501, Status: mail.Status5_5_4BadParameter, Text: "Write BDAT size, or BDAT size LAST"}
	}
	return int64(n), word != "", nil
}

// hangUp answers and ends the session.
func (c *conn) hangUp(err error) error {
	reply := replyTo(err)
	c.wire.reply(reply.Code, reply.Status, reply.Text)
	return errHangUp
}

// readChunk copies exactly size bytes. A connection that ends before is an
// error, even where it ends politely: a cut message must not pass for a whole one.
func (c *conn) readChunk(to io.Writer, size int64) error {
	if int64(c.wire.in.Buffered()) < size {
		// What was answered so far must not wait behind a long chunk (RFC 2920 §3.2).
		if err := c.wire.flush(); err != nil {
			return err
		}
	}
	if time.Now().After(c.wire.lastMoment()) { // a chunk that came with its command is not waited for
		return fmt.Errorf("read chunk: the message drips: %w", os.ErrDeadlineExceeded)
	}
	c.wire.beginData()
	defer c.wire.endData()
	for in := c.wire.in; size > 0; {
		if _, err := in.Peek(1); err != nil {
			return fmt.Errorf("read chunk: %w", endless(err))
		}
		piece, _ := in.Peek(int(min(size, int64(in.Buffered()))))
		size -= int64(len(piece))
		if _, err := to.Write(piece); err != nil {
			return fmt.Errorf("read chunk: %w", err)
		}
		if _, err := in.Discard(len(piece)); err != nil {
			return fmt.Errorf("read chunk: %w", err)
		}
	}
	return nil
}

// skipChunk reads a refused chunk away, or hangs up when it is absurdly large.
func (c *conn) skipChunk(size int64, refusal error) error {
	if size > 2*c.server.options.MaxSize {
		return fmt.Errorf("%w: %w", refusal, c.hangUp(refusal))
	}
	c.wire.newMessage()
	if err := c.readChunk(io.Discard, size); err != nil {
		return fmt.Errorf("%w: %w", err, errHangUp)
	}
	return refusal
}
