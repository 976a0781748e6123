package collect

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// popProvider is a POP3 server in memory.
type popProvider struct {
	mu       sync.Mutex
	mail     []popMail // guarded by mu
	password string
	caps     []string // besides UIDL and USER
	noUIDL   bool
	refuse   string      // a log-in's reply, instead of the password's
	drop     int         // the connection is cut after so many replies; 0: never
	replies  int         // guarded by mu
	sessions int         // guarded by mu
	began    []time.Time // sessions; guarded by mu
	onQuit   func()      // when messages are deleted
	quitLost bool        // the connection goes between the deletion and its reply
}

type popMail struct{ uidl, text string }

func (p *popProvider) dial(context.Context, string, string) (net.Conn, error) {
	client, server := mailtest.Pipe(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 1}, &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 110})
	go p.serve(server)
	return client, nil
}

func (p *popProvider) put(uidl, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mail = append(p.mail, popMail{uidl, text})
}

func (p *popProvider) left() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	var list []string
	for _, m := range p.mail {
		list = append(list, m.uidl)
	}
	return list
}

func (p *popProvider) counted() (sessions, replies int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.sessions, p.replies
}

var errDropped = errors.New("dropped")

// popDialogue is one connection.
type popDialogue struct {
	p       *popProvider
	w       *bufio.Writer
	view    []popMail
	deleted map[int]bool
	user    string
}

func (d *popDialogue) reply(format string, a ...any) error {
	d.p.mu.Lock()
	d.p.replies++
	cut := d.p.drop > 0 && d.p.replies > d.p.drop
	d.p.mu.Unlock()
	text := fmt.Sprintf(format, a...)
	if cut {
		_, _ = d.w.WriteString(text[:len(text)/2])
		_ = d.w.Flush()
		return errDropped
	}
	_, _ = d.w.WriteString(text)
	return d.w.Flush()
}

func (p *popProvider) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	p.mu.Lock()
	p.sessions++
	p.began = append(p.began, time.Now())
	d := &popDialogue{p: p, w: bufio.NewWriter(conn), view: slices.Clone(p.mail), deleted: map[int]bool{}}
	p.mu.Unlock()
	if d.reply("+OK ready\r\n") != nil {
		return
	}
	for in := bufio.NewScanner(conn); in.Scan(); {
		words := strings.Fields(in.Text())
		if len(words) == 0 || d.command(words) != nil {
			return
		}
	}
}

func (d *popDialogue) command(words []string) error {
	number := 0
	if len(words) > 1 {
		_, _ = fmt.Sscan(words[1], &number)
	}
	switch words[0] {
	case "CAPA":
		caps := append([]string{"USER"}, d.p.caps...)
		if !d.p.noUIDL {
			caps = append(caps, "UIDL")
		}
		return d.reply("+OK\r\n%s\r\n.\r\n", strings.Join(caps, "\r\n"))
	case "USER":
		d.user = words[1]
		return d.reply("+OK\r\n")
	case "PASS":
		return d.login(words[1])
	case "AUTH":
		b, _ := base64.StdEncoding.DecodeString(words[2])
		return d.login(string(b[strings.LastIndexByte(string(b), 0)+1:]))
	case "UIDL":
		if d.p.noUIDL {
			return d.reply("-ERR what?\r\n")
		}
		return d.list(func(m popMail) string { return m.uidl })
	case "LIST":
		return d.list(func(m popMail) string { return fmt.Sprint(len(m.text)) })
	case "RETR":
		text := strings.ReplaceAll("\r\n"+d.view[number-1].text, "\r\n.", "\r\n..")[2:]
		return d.reply("+OK\r\n%s.\r\n", text)
	case "DELE":
		d.deleted[number-1] = true
		return d.reply("+OK\r\n")
	case "QUIT":
		return d.quit()
	}
	return d.reply("-ERR what?\r\n")
}

func (d *popDialogue) login(password string) error {
	if d.p.refuse != "" {
		return d.reply("%s\r\n", d.p.refuse)
	}
	if password != d.p.password {
		return d.reply("-ERR wrong\r\n")
	}
	return d.reply("+OK\r\n")
}

func (d *popDialogue) list(word func(popMail) string) error {
	var b strings.Builder
	b.WriteString("+OK\r\n")
	for i, m := range d.view {
		if !d.deleted[i] {
			fmt.Fprintf(&b, "%d %s\r\n", i+1, word(m))
		}
	}
	return d.reply("%s.\r\n", b.String())
}

func (d *popDialogue) quit() error {
	if d.p.drop > 0 && d.p.replies >= d.p.drop && !d.p.quitLost {
		return errDropped
	}
	d.p.mu.Lock()
	d.p.mail = slices.DeleteFunc(d.p.mail, func(m popMail) bool {
		i := slices.Index(d.view, m)
		return i >= 0 && d.deleted[i]
	})
	d.p.mu.Unlock()
	if d.p.onQuit != nil {
		d.p.onQuit()
	}
	if d.p.quitLost {
		return errDropped
	}
	_ = d.reply("+OK\r\n")
	return errDropped
}
