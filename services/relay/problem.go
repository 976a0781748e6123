package relay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// problem is why a server can't have a message, or can't have it now. It is
// permanent if its status says so; it ends the message only if all servers of a
// domain have one of that kind.
type problem struct {
	reply  mail.Reply  // the server's, or in our own words
	status mail.Status // what a report gives
	cause  error       // for the log; may be nil
}

// Error is the whole of it.
func (p *problem) Error() string {
	if p.cause == nil {
		return p.reply.String()
	}
	return fmt.Sprintf("%s: %v", p.reply, p.cause)
}

// Unwrap is the cause.
func (p *problem) Unwrap() error { return p.cause }

func (p *problem) permanent() bool { return p.status.Class() == 5 }

// The statuses of RFC 3463 and its registry that are given here.
const (
	status4_3_0Local         mail.Status = 0x04_03_00
	status4_4_1NoAnswer      mail.Status = 0x04_04_01
	status4_4_2BadConnection mail.Status = 0x04_04_02
	status4_4_3NoDNS         mail.Status = 0x04_04_03
	status4_5_0Protocol      mail.Status = 0x04_05_00
	status4_7_4TLSMissing    mail.Status = 0x04_07_04
	status4_7_5TLSUnverified mail.Status = 0x04_07_05
	status4_7_8Login         mail.Status = 0x04_07_08
	status5_1_2NoSuchDomain  mail.Status = 0x05_01_02
	status5_1_3BadAddress    mail.Status = 0x05_01_03
	status5_1_10NullMX       mail.Status = 0x05_01_0a // RFC 7505 §4.1
	status5_3_3NotCapable    mail.Status = 0x05_03_03
	status5_3_4TooLarge      mail.Status = 0x05_03_04
	status5_4_4NoRoute       mail.Status = 0x05_04_04
	status5_4_6Loop          mail.Status = 0x05_04_06
	status5_6_7NonASCII      mail.Status = 0x05_06_07 // RFC 6531 §3.5
	status5_7_30RequireTLS   mail.Status = 0x05_07_1e // RFC 8689 §5
)

// said is a problem that we found ourselves.
func said(status mail.Status, cause error, format string, args ...any) *problem {
	return &problem{reply: mail.Reply{Text: clean(fmt.Sprintf(format, args...))}, status: status, cause: cause}
}

// replied is a problem that a server told.
func replied(r mail.Reply) *problem {
	p := &problem{reply: r, status: statusOf(r)}
	if r.Code < 400 { // the right answer to something else
		p.status = status4_5_0Protocol
	}
	return p
}

// statusOf is the status of a reply: its own, or its code's class alone. What is
// neither success nor refusal is temporary.
func statusOf(r mail.Reply) mail.Status {
	switch {
	case r.Status != 0:
		return r.Status
	case r.Code/100 == 2, r.Code/100 == 5:
		return mail.Status(r.Code / 100 << 16)
	}
	return 4 << 16
}

// lost is a problem with the connection, in words.
func lost(err error, doing string) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	switch {
	case errors.Is(err, errReply):
		return said(status4_5_0Protocol, err, "while %s: %v", doing, err)
	case errors.Is(err, context.Canceled):
		return said(status4_4_2BadConnection, err, "the box stopped while %s", doing)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return said(status4_4_2BadConnection, err, "the server said nothing for too long while %s", doing)
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.ErrClosedPipe), errors.Is(err, net.ErrClosed):
		return said(status4_4_2BadConnection, err, "the server closed the connection while %s", doing)
	}
	return said(status4_4_2BadConnection, err, "the connection broke while %s: %s", doing, mail.InWords(err))
}
