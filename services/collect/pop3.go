package collect

import (
	"bufio"
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

const (
	// maxReply is the longest line of a reply: RFC 2449 §4 allows 512 octets, and
	// servers that put their history into the greeting take more.
	maxReply = 4096
	// maxLines bounds the lines of CAPA.
	maxLines = 200
	// maxListing is how many messages a mailbox may have.
	maxListing = 1_000_000
)

// popClient speaks POP3 (RFC 1939), with CAPA (RFC 2449), STLS (RFC 2595) and AUTH
// PLAIN (RFC 5034). It belongs to one goroutine.
type popClient struct {
	conn *wire
	r    *bufio.Reader
	w    *bufio.Writer
	caps map[string]string // name, upper case → arguments
}

func newPOP(conn *wire) *popClient {
	// The buffer is larger than any reply: a line that does not fit is too long.
	return &popClient{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), w: bufio.NewWriter(conn)}
}

// send queues a command. CR and LF in an argument would begin another: they come
// from people, and are refused.
func (p *popClient) send(command string, arguments ...string) error {
	for _, a := range arguments {
		if strings.ContainsAny(a, "\r\n\x00") {
			return fmt.Errorf("%s: an argument with a line end", command)
		}
		command += " " + a
	}
	_, err := p.w.WriteString(command + "\r\n")
	return err
}

// line reads one line, without its end.
func (p *popClient) line() (string, error) {
	b, err := p.r.ReadSlice('\n')
	if errors.Is(err, bufio.ErrBufferFull) || err == nil && len(b) > maxReply {
		return "", errProtocol
	}
	if err != nil {
		return "", noEOF(err)
	}
	return strings.TrimRight(string(b), "\r\n"), nil
}

// noEOF: a connection that ends between a command and its reply did not end well.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// reply reads the first line of a reply to a command, and gives its text.
func (p *popClient) reply(command string) (string, error) {
	if err := p.w.Flush(); err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	line, err := p.line()
	if err != nil {
		return "", fmt.Errorf("%s: %w", command, err)
	}
	ok, text, err := parseReply(line)
	switch {
	case err != nil:
		return "", fmt.Errorf("%s: %w", command, err)
	case !ok:
		return "", &refusedError{command: command, text: clean(text)}
	}
	return text, nil
}

// parseReply reads the first line of a reply (RFC 1939 §3).
func parseReply(line string) (ok bool, text string, err error) {
	status, text, _ := strings.Cut(line, " ")
	switch {
	case strings.EqualFold(status, "+OK"):
		return true, text, nil
	case strings.EqualFold(status, "-ERR"):
		return false, text, nil
	}
	return false, "", errProtocol
}

// exchange sends a command and reads the first line of its reply.
func (p *popClient) exchange(command string, arguments ...string) (string, error) {
	if err := p.send(command, arguments...); err != nil {
		return "", err
	}
	return p.reply(command)
}

// lines reads the lines of a reply up to the one with a dot alone.
func (p *popClient) lines(most int, use func(line string) error) error {
	for n := 0; ; n++ {
		line, err := p.line()
		if err != nil {
			return err
		}
		if line == "." {
			return nil
		}
		if n >= most {
			return errListing
		}
		if err := use(strings.TrimPrefix(line, ".")); err != nil {
			return err
		}
	}
}

// capabilities asks what the server can. One that does not know CAPA can what RFC
// 1939 asks of all.
func (p *popClient) capabilities() error {
	p.caps = map[string]string{}
	if _, err := p.exchange("CAPA"); err != nil {
		if _, refused := errors.AsType[*refusedError](err); refused {
			p.caps["USER"], p.caps["UIDL"] = "", "" // perhaps: the commands will tell
			return nil
		}
		return err
	}
	return p.lines(maxLines, func(line string) error {
		name, arguments, _ := strings.Cut(line, " ")
		p.caps[strings.ToUpper(name)] = strings.ToUpper(arguments)
		return nil
	})
}

func (p *popClient) has(capability string) bool {
	_, ok := p.caps[capability]
	return ok
}

// startTLS is STLS. What the server said before it is forgotten, and what it sent
// on behind its reply would be somebody else's words.
func (p *popClient) startTLS(ctx context.Context, roots *x509.CertPool, host string) error {
	if !p.has("STLS") {
		return errNoTLS
	}
	if _, err := p.exchange("STLS"); err != nil {
		return fmt.Errorf("%w (%w)", errNoTLS, err)
	}
	if p.r.Buffered() > 0 {
		return errProtocol
	}
	conn, err := handshake(ctx, p.conn.Conn, roots, host)
	if err != nil {
		return err
	}
	*p = *newPOP(newWire(conn))
	return p.capabilities()
}

// login logs in, by AUTH PLAIN where it is offered, which takes any password.
func (p *popClient) login(user, password string) error {
	var err error
	if strings.Contains(" "+p.caps["SASL"]+" ", " PLAIN ") {
		initial := base64.StdEncoding.EncodeToString([]byte("\x00" + user + "\x00" + password))
		_, err = p.exchange("AUTH", "PLAIN", initial)
	} else if _, err = p.exchange("USER", user); err == nil {
		_, err = p.exchange("PASS", password)
	}
	if e, refused := errors.AsType[*refusedError](err); refused {
		// RFC 2449 §8 and RFC 3206: these say that the password is not the matter.
		code := strings.ToUpper(e.text)
		temporary := strings.HasPrefix(code, "[IN-USE]") || strings.HasPrefix(code, "[LOGIN-DELAY]") || strings.HasPrefix(code, "[SYS/TEMP]")
		return &refusedError{command: "log in", text: e.text, auth: !temporary}
	}
	return err
}

// numbered reads a line of UIDL or LIST: a message's number, and a word.
func numbered(line string) (number int, word string, err error) {
	first, rest, _ := strings.Cut(line, " ")
	word, _, _ = strings.Cut(strings.TrimLeft(rest, " "), " ")
	number, err = strconv.Atoi(first)
	if err != nil || number <= 0 || number > 1<<31-1 || word == "" {
		return 0, "", errProtocol
	}
	return number, word, nil
}

// uidls is UIDL: the unique-ids of all messages.
func (p *popClient) uidls(use func(number int, uidl string) error) error {
	if _, err := p.exchange("UIDL"); err != nil {
		if _, refused := errors.AsType[*refusedError](err); refused {
			return errNoUIDL
		}
		return err
	}
	return p.lines(maxListing, func(line string) error {
		number, uidl, err := numbered(line)
		if err != nil || len(uidl) >= maxItem {
			return errProtocol
		}
		return use(number, uidl)
	})
}

// sizes is LIST: the sizes of all messages in bytes, more or less.
func (p *popClient) sizes(use func(number int, size int64)) error {
	if _, err := p.exchange("LIST"); err != nil {
		return err
	}
	return p.lines(maxListing, func(line string) error {
		number, word, err := numbered(line)
		if err != nil {
			return err
		}
		size, err := strconv.ParseInt(word, 10, 64)
		if err != nil || size < 0 {
			return errProtocol
		}
		use(number, size)
		return nil
	})
}

// message reads the message of a reply to RETR into w, each line with CRLF, the
// dots in front of it taken off (RFC 1939 §3). An error of w does not end the
// reading: the reply that follows must begin where it begins. It comes back as
// failed.
func (p *popClient) message(w io.Writer, limit int64) (failed, err error) {
	start := true // of a line
	for size := int64(0); ; {
		b, err := p.r.ReadSlice('\n')
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) {
			return failed, noEOF(err)
		}
		whole := err == nil
		if size += int64(len(b)); size > 2*limit {
			return failed, errProtocol // no end in sight: the server said that it was smaller
		}
		if start && b[0] == '.' {
			if b = b[1:]; whole && (string(b) == "\r\n" || string(b) == "\n") {
				return failed, nil
			}
		}
		start = whole
		if failed == nil {
			failed = writeLine(w, b, whole)
		}
	}
}

// writeLine writes a line or a part of one.
func writeLine(w io.Writer, b []byte, whole bool) error {
	if whole && len(b) >= 2 && b[len(b)-2] == '\r' || !whole && b[len(b)-1] != '\r' {
		_, err := w.Write(b)
		return err
	}
	// A bare LF ends a line for many servers; a CR at the end of a part may belong to
	// the line end that follows.
	text := strings.TrimRight(string(b), "\r\n")
	if whole {
		text += "\r\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
