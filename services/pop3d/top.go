package pop3d

import (
	"bufio"
	"context"
	"errors"
	"io"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// top is RFC 1939 §7's TOP: the header, the blank line, and so many lines of
// the body.
func top(ctx context.Context, s *session, arg string) error {
	number, count, ok := strings.Cut(strings.TrimSpace(arg), " ")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	if !ok || err != nil || n < 0 {
		return syntaxError{"TOP wants a message number and a number of lines"}
	}
	say := func(int64) string { return "the top of the message follows" }
	return s.send(ctx, number, buffer, say, func(w io.Writer, message io.Reader) error { return copyTop(w, message, n) }, func(*entry, *mail.Row) {})
}

// copyTop copies the header and n lines. Lines may be of any length.
func copyTop(w io.Writer, message io.Reader, n int) error {
	in := bufio.NewReaderSize(message, buffer)
	body, fresh := false, true // fresh: at the beginning of a line
	for !body || n > 0 {
		piece, err := in.ReadSlice('\n')
		if _, err := w.Write(piece); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.Is(err, bufio.ErrBufferFull):
			fresh = false
			continue
		case err != nil:
			return err
		}
		if body {
			n--
		} else if fresh && (len(piece) == 1 || len(piece) == 2 && piece[0] == '\r') {
			body = true
		}
		fresh = true
	}
	return nil
}
