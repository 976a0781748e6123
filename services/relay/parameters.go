package relay

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// envelope is what is said of a message to one server.
type envelope struct {
	job  *mail.Job
	ext  *extensions
	utf8 bool          // SMTPUTF8 is said
	bits bool          // BODY=8BITMIME is said
	left time.Duration // until the message is late, as it was judged and is said
}

// suit finds out how this server can be given the message, or why it can't.
func suit(job *mail.Job, s *session, b *body) (*envelope, *problem) {
	ext := &s.ext
	e := &envelope{job: job, ext: ext, utf8: job.UTF8 && ext.utf8, bits: ext.eightBit && !b.sevenBit()}
	if !job.From.IsASCII() {
		e.utf8 = ext.utf8
	}
	for _, to := range job.To {
		e.utf8 = e.utf8 || !to.IsASCII() && ext.utf8
	}
	// One look at the clock for deciding and for saying: a second later it could be
	// BY=0;R, which is an error (RFC 2852 §4).
	e.left = time.Until(job.Wishes.By).Truncate(time.Second)
	switch {
	case job.UTF8 && !ext.utf8:
		return nil, said(status5_6_7NonASCII, nil, "the message needs SMTPUTF8, for letters outside ASCII in addresses or header, and the server does not take that")
	case ext.size > 0 && job.Size > ext.size:
		return nil, said(status5_3_4TooLarge, nil, "the message has %d bytes, and the server takes at most %d", job.Size, ext.size)
	case job.Wishes.RequireTLS && !(s.proven && ext.requireTLS):
		// RFC 8689 §4.2.1: both, or it goes elsewhere.
		return nil, said(status5_7_30RequireTLS, nil, "the sender asked for verified encryption all the way (REQUIRETLS), and the server can't promise that")
	case !job.Wishes.By.IsZero() && !job.Wishes.ByNotify && !(ext.deliverBy && e.left >= max(ext.leastBy, time.Second)):
		// RFC 2852 §4.1.5: a server that does not know it would deliver late.
		return nil, said(status5_3_3NotCapable, nil, "the sender asked for the message back if it is late (DELIVERBY), and the server can't promise that")
	}
	return e, nil
}

// mailCommand is MAIL with its parameters.
func (e *envelope) mailCommand() (string, *problem) {
	path, p := e.path(e.job.From)
	if p != nil {
		return "", p
	}
	var b strings.Builder
	b.WriteString("MAIL FROM:" + path)
	if e.ext.sized {
		b.WriteString(" SIZE=" + strconv.FormatInt(e.job.Size, 10))
	}
	if e.bits {
		b.WriteString(" BODY=8BITMIME")
	}
	if e.utf8 {
		b.WriteString(" SMTPUTF8")
	}
	w := e.job.Wishes
	if e.ext.dsn {
		switch w.Return {
		case mail.ReturnFull:
			b.WriteString(" RET=FULL")
		case mail.ReturnHeaders:
			b.WriteString(" RET=HDRS")
		}
		if w.EnvelopeID != "" {
			b.WriteString(" ENVID=" + xtext(w.EnvelopeID))
		}
	}
	if w.RequireTLS {
		b.WriteString(" REQUIRETLS")
	}
	if e.ext.deliverBy && !w.By.IsZero() {
		mode := "R"
		if w.ByNotify {
			mode = "N"
		}
		if w.ByTrace { // each server on the way tells where it went, not only the first
			mode += "T"
		}
		fmt.Fprintf(&b, " BY=%d;%s", int64(e.left/time.Second), mode)
	}
	if e.ext.priority && w.Priority != 0 {
		fmt.Fprintf(&b, " MT-PRIORITY=%d", w.Priority)
	}
	return b.String(), nil
}

// rcptCommand is RCPT with its parameters.
func (e *envelope) rcptCommand(to mail.Recipient) (string, *problem) {
	path, p := e.path(to.Address)
	if p != nil {
		return "", p
	}
	var b strings.Builder
	b.WriteString("RCPT TO:" + path)
	if !e.ext.dsn {
		return b.String(), nil
	}
	if to.Notify != 0 {
		b.WriteString(" NOTIFY=" + notify(to.Notify))
	}
	if to.Original != "" {
		kind, address, found := strings.Cut(to.Original, ";")
		if found && !strings.EqualFold(kind, "utf-8") {
			b.WriteString(" ORCPT=" + xtext(kind) + ";" + xtext(address))
		} else if found && e.utf8 {
			b.WriteString(" ORCPT=utf-8;" + utf8Address(address))
		}
	}
	return b.String(), nil
}

// path is an address between its brackets. Without SMTPUTF8 a domain can still be
// said in ASCII, a local part can't.
func (e *envelope) path(a mail.Address) (string, *problem) {
	if !a.IsASCII() && !e.utf8 {
		name, err := domain.Canonical(a.Domain)
		if err != nil || !(mail.Address{Local: a.Local, Domain: "x"}).IsASCII() {
			return "", said(status5_6_7NonASCII, err, "the address %s has letters outside ASCII, and the server does not take those", a)
		}
		a.Domain = name.String()
	}
	text := a.String()
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r == 0x7f }) || strings.ContainsAny(a.Domain, "<> ") {
		return "", said(status5_1_3BadAddress, nil, "%q is not an address that can be sent to", text)
	}
	return "<" + text + ">", nil
}

func notify(n mail.Notify) string {
	if n&mail.NotifyNever != 0 {
		return "NEVER"
	}
	var list []string
	for _, part := range []struct {
		bit  mail.Notify
		name string
	}{{mail.NotifySuccess, "SUCCESS"}, {mail.NotifyFailure, "FAILURE"}, {mail.NotifyDelay, "DELAY"}} {
		if n&part.bit != 0 {
			list = append(list, part.name)
		}
	}
	return strings.Join(list, ",")
}

// xtext is RFC 3461 §4.
func xtext(s string) string {
	var b strings.Builder
	for i := range len(s) {
		if c := s[i]; c >= '!' && c <= '~' && c != '+' && c != '=' {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "+%02X", c)
		}
	}
	return b.String()
}

// utf8Address is the utf-8-addr-unitext of RFC 6533 §3, which leaves UTF-8 as it is.
func utf8Address(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= '!' && r <= '~' && r != '+' && r != '=' && r != '\\' || r >= 0xa0 {
			b.WriteRune(r)
		} else {
			fmt.Fprintf(&b, `\x{%02X}`, r)
		}
	}
	return b.String()
}
