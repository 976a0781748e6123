package transfer

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// ownDate is how this package writes internal dates: to the millisecond, with
// the zone, as the store keeps them.
const ownDate = "2006-01-02T15:04:05.000Z07:00"

// writeMbox writes one message in mboxrd form, so that mboxMessage gives the
// same bytes, flags and date again. look has looked at it.
func writeMbox(w *bufio.Writer, row mail.Row, s survey, body io.Reader) error {
	eol, end := "lf", ""
	if s.allCRLF {
		eol = "crlf"
	}
	if s.open {
		end = "; end=open"
	}
	// The sender is in the message. The date is UTC, as other programs read it.
	fmt.Fprintf(w, "From MAILER-DAEMON %s\n", row.Internal.UTC().Format(time.ANSIC))
	fmt.Fprintf(w, "%s%s: 1; date=%s; eol=%s%s\n", statusFields(row.Flags), mboxField, row.Internal.Format(ownDate), eol, end)
	if err := writeQuoted(w, body, s.allCRLF); err != nil {
		return err
	}
	if s.open {
		_ = w.WriteByte('\n') // a bufio.Writer repeats its error
	}
	return w.WriteByte('\n')
}

// writeQuoted copies a message, with one ">" more in front of each line that is
// or was a From_ line, and LF for CR LF.
func writeQuoted(w *bufio.Writer, body io.Reader, crlf bool) error {
	r := bufio.NewReaderSize(body, mboxBuffer)
	begin := true
	pendingCR := false // a CR at the end of a piece, which may belong to a line end
	for {
		piece, err := r.ReadSlice('\n')
		if err != nil && err != io.EOF && !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
		if len(piece) == 0 && err == io.EOF {
			break
		}
		if begin && fromLine(piece, err == nil || err == io.EOF) {
			_ = w.WriteByte('>') // a bufio.Writer repeats its error
		}
		begin = piece[len(piece)-1] == '\n'
		if crlf {
			piece, pendingCR = withoutCR(w, piece, pendingCR)
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	if pendingCR {
		return w.WriteByte('\r')
	}
	return nil
}

// withoutCR makes LF of CR LF, also where they stand in two pieces.
func withoutCR(w *bufio.Writer, piece []byte, pendingCR bool) ([]byte, bool) {
	n := len(piece)
	if pendingCR && piece[0] != '\n' {
		_ = w.WriteByte('\r') // a bufio.Writer repeats its error
	}
	switch {
	case n > 1 && piece[n-1] == '\n' && piece[n-2] == '\r':
		piece[n-2] = '\n'
		return piece[:n-1], false
	case piece[n-1] == '\r':
		return piece[:n-1], true
	}
	return piece, false
}
