package relay

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// outcome is how far a session got with what was left.
type outcome uint8

const (
	talked outcome = iota // everything that could be said to the server was
	worn                  // it takes no more on this connection, and has had some
	stale                 // the connection had ended while it was idle
)

// transact gives the message to a server for all recipients that are left, in as
// many transactions as its limits ask for, and puts the session back.
func (d *delivery) transact(ctx context.Context, s *session) outcome {
	leave := s.attend(ctx)
	defer leave()
	e, p := suit(d.job, s, d.body)
	if p != nil {
		d.noteAll(p, s.place())
		d.c.pool.put(s)
		return talked
	}
	counted := false
	pending := d.left()
	for len(pending) > 0 {
		if s.worn() {
			d.c.pool.put(s)
			return worn
		}
		batch, rest := d.batch(s, pending)
		s.uses++
		t := transaction{d: d, s: s, e: e, to: batch}
		p := t.run()
		if p != nil && s.old && s.heard == 0 {
			s.close()
			return stale
		}
		if !counted {
			counted, d.transactions = true, d.transactions+1
		}
		if p != nil {
			d.noteAll(p, s.place())
			s.close()
			return talked
		}
		pending = append(t.again, rest...)
		if s.over && len(pending) > 0 {
			return worn
		}
	}
	d.heard = append(d.heard, s.addr)
	d.c.pool.put(s)
	return talked
}

// batch takes as many recipients as one transaction may have (RFC 9422 §4).
func (d *delivery) batch(s *session, pending []int) (batch, rest []int) {
	most := maxRecipients
	if s.ext.rcptMax > 0 {
		most = s.ext.rcptMax
	}
	domains := make(map[string]bool)
	for n, i := range pending {
		domains[strings.ToLower(d.job.To[i].Domain)] = true
		if n == most || s.ext.rcptDomainMax > 0 && len(domains) > s.ext.rcptDomainMax {
			return pending[:n:n], pending[n:]
		}
	}
	return pending, nil
}

// transaction is one MAIL, its RCPTs and the message.
type transaction struct {
	d  *delivery
	s  *session
	e  *envelope
	to []int

	refused  *mail.Reply // of MAIL
	accepted []int
	again    []int       // too many for this transaction, to be tried in another
	data     *mail.Reply // to DATA, if it was said
	reset    *mail.Reply // to RSET, if it was refused
}

// step is one command and what its reply means. It gives false if what follows in
// the dialogue is of no use any more.
type step struct {
	line string
	wait time.Duration
	on   func(mail.Reply) bool
}

// run gives a problem if the connection is over. Everything else it tells the
// delivery.
func (t *transaction) run() *problem {
	steps, p := t.envelope()
	if p != nil {
		t.noteAll(p)
		return nil
	}
	if steps == nil {
		return nil // no recipient can be said to this server
	}
	t.s.wire.until = time.Now().Add(envelopeBudget)
	defer func() { t.s.wire.until = time.Time{} }()
	if p := t.s.dialogue(steps, "handing over sender and recipients"); p != nil {
		return p
	}
	t.s.wire.until = time.Time{}
	t.s.dirty = true
	if t.reset != nil {
		return said(status4_5_0Protocol, nil, "the server did not let go of the message before: %s", t.reset)
	}
	if t.refused != nil {
		for _, i := range t.to {
			t.answer(i, *t.refused)
		}
	}
	if t.refused != nil || len(t.accepted) == 0 {
		return t.abandon()
	}
	if t.s.ext.chunking {
		return t.conclude(t.s.sendChunks(t.d.body))
	}
	if t.data == nil {
		r, _, err := t.s.wire.ask("DATA", dataTimeout)
		if err != nil {
			return t.s.lost(err, "waiting for the answer to DATA")
		}
		t.s.heard++
		t.data = &r
	}
	if t.data.Code != 354 {
		if t.data.Code == 421 || t.data.Code < 400 {
			return replied(*t.data)
		}
		t.answerAll(*t.data)
		return nil
	}
	return t.conclude(t.s.sendData(t.d.body))
}

// envelope is the commands up to DATA. With PIPELINING, DATA is said without
// waiting for the others' replies (RFC 2920 §3.1); with CHUNKING it is not needed.
func (t *transaction) envelope() ([]step, *problem) {
	line, p := t.e.mailCommand()
	if p != nil {
		return nil, p
	}
	var steps []step
	if t.s.dirty {
		steps = append(steps, step{"RSET", mailTimeout, func(r mail.Reply) bool {
			if r.Code/100 != 2 {
				t.reset = &r
			}
			return t.reset == nil
		}})
	}
	steps = append(steps, step{line, mailTimeout, func(r mail.Reply) bool {
		if r.Code/100 != 2 {
			t.refused = &r
		}
		return t.refused == nil
	}})
	recipients := 0
	for _, i := range t.to {
		line, p := t.e.rcptCommand(t.d.job.To[i])
		if p != nil {
			t.d.note(i, p, t.s.place())
			continue
		}
		recipients++
		steps = append(steps, step{line, rcptTimeout, func(r mail.Reply) bool {
			if t.refused == nil {
				t.recipient(i, r)
			}
			return true
		}})
	}
	if recipients == 0 {
		return nil, nil
	}
	if t.s.ext.pipelining && !t.s.ext.chunking {
		steps = append(steps, step{"DATA", dataTimeout, func(r mail.Reply) bool { t.data = &r; return true }})
	}
	return steps, nil
}

// recipient takes in the reply to RCPT.
func (t *transaction) recipient(i int, r mail.Reply) {
	switch {
	case r.Code/100 == 2:
		t.accepted = append(t.accepted, i)
	case len(t.accepted) > 0 && tooMany(r):
		t.again = append(t.again, i)
	default:
		t.answer(i, r)
	}
}

// tooMany recognises a server's limit of recipients: 452, and the 552 of old (RFC
// 5321 §4.5.3.1.10). Either can also be about the one mailbox, which then comes
// back when it is the first of a transaction.
func tooMany(r mail.Reply) bool {
	const (
		temporary mail.Status = 0x04_05_03
		permanent mail.Status = 0x05_05_03
	)
	return (r.Code == 452 || r.Code == 552) && (r.Status == 0 || r.Status == temporary || r.Status == permanent)
}

// answer gives a recipient what a reply says: its fate, if it is a refusal for good.
func (t *transaction) answer(i int, r mail.Reply) {
	if r.Code/100 == 5 && !(t.s.key.route.Host != "" && loginRefused(r)) {
		t.d.settle(i, mail.FateFailed, r, statusOf(r), t.s.place())
		return
	}
	p := replied(r)
	if p.permanent() { // our smart host does not know us: nothing that the sender can mend
		p.status = status4_7_8Login
	}
	t.d.note(i, p, t.s.place())
}

// answerAll answers for all that the server had accepted.
func (t *transaction) answerAll(r mail.Reply) {
	for _, i := range t.accepted {
		t.answer(i, r)
	}
}

func (t *transaction) noteAll(p *problem) {
	for _, i := range t.to {
		t.d.note(i, p, t.s.place())
	}
}

// abandon ends a transaction without recipients. A server that said 354 to the
// DATA behind them gets an empty message for nobody (RFC 2920 §3.1).
func (t *transaction) abandon() *problem {
	if t.data == nil || t.data.Code != 354 {
		return nil
	}
	if _, _, err := t.s.wire.ask(".", endTimeout); err != nil {
		return t.s.lost(err, "ending a message without recipients")
	}
	return nil
}

// ending is what became of a message that was sent.
type ending struct {
	reply mail.Reply
	whole bool  // all of it was handed over, so the server may have it
	err   error // there was no reply
}

// conclude tells the recipients how it ended. A connection that is lost between the
// end of the message and the reply leaves open whether the server has it: then it
// is deferred, and no other server is asked at once, as that would make the second
// copy certain to come soon.
func (t *transaction) conclude(end ending) *problem {
	var local *localError
	switch {
	case errors.As(end.err, &local):
		t.d.unreadable(local)
		t.s.close()
		return said(status4_3_0Local, local, "the box could not read the message from its own disk")
	case end.err != nil && end.whole:
		p := t.s.lost(end.err, "waiting for the answer to the message")
		p.reply.Text = "the whole message was sent, but the server did not say whether it has it; it may arrive twice: " + p.reply.Text
		for _, i := range t.accepted {
			t.d.settle(i, mail.FateDeferred, p.reply, p.status, t.s.place())
		}
		return p
	case end.err != nil:
		return t.s.lost(end.err, "sending the message")
	}
	switch end.reply.Code / 100 {
	case 2:
		t.s.dirty = false
		for _, i := range t.accepted {
			t.d.settle(i, mail.FateRelayed, end.reply, statusOf(end.reply), t.s.place())
			t.d.attempts[i].Reports = t.s.ext.dsn
		}
	case 3:
		return said(status4_5_0Protocol, nil, "the server answered the message with a question: %s", end.reply)
	default:
		t.answerAll(end.reply)
		if end.reply.Code == 421 {
			return replied(end.reply)
		}
	}
	return nil
}

// group is how many commands may be under way.
func (s *session) group() int {
	if s.ext.pipelining {
		return maxGroup
	}
	return 1
}

// dialogue says commands, in groups where the server allows, and reads the replies.
func (s *session) dialogue(steps []step, doing string) *problem {
	for len(steps) > 0 {
		now := steps[:min(len(steps), s.group())]
		steps = steps[len(now):]
		for _, step := range now {
			if err := s.wire.command(step.line); err != nil {
				return s.lost(s.lastWord(err), doing)
			}
		}
		if err := s.wire.flush(); err != nil {
			return s.lost(s.lastWord(err), doing)
		}
		useful := true
		for _, step := range now {
			r, _, err := s.wire.reply(step.wait)
			if err != nil {
				return s.lost(err, doing)
			}
			if r.Code == 421 { // RFC 5321 §3.8: the server closes
				return replied(r)
			}
			s.heard++
			useful = step.on(r) && useful
		}
		if !useful {
			return nil
		}
	}
	return nil
}

// lastWord looks for a reply behind a write that failed: a server that refuses a
// message while it comes says why and closes.
func (s *session) lastWord(err error) error {
	if r, _, failed := s.wire.reply(quitTimeout); failed == nil && r.Code/100 >= 4 {
		return replied(r)
	}
	return err
}

// pace bounds a message to a server that only just reads.
type pace struct {
	began time.Time
	bytes int64
}

func (p *pace) add(n int) error {
	p.bytes += int64(n)
	if most := dataGrace + time.Duration(p.bytes/dataMinRate)*time.Second; time.Since(p.began) > most {
		return fmt.Errorf("the server reads less than %d bytes a second: %w", dataMinRate, net.ErrClosed)
	}
	return nil
}

// sendData is the message behind DATA (RFC 5321 §4.1.1.4).
func (s *session) sendData(b *body) ending {
	pace := pace{began: time.Now()}
	err := b.blocks(&encoder{stuff: true}, func(p []byte, last bool) error {
		if err := s.wire.write(p); err != nil {
			return err
		}
		if !last {
			return pace.add(len(p))
		}
		if err := s.wire.write([]byte(".\r\n")); err != nil {
			return err
		}
		return s.wire.flush()
	})
	if err != nil {
		return s.broken(err)
	}
	return s.final()
}

// final is the reply to a message that has been sent.
func (s *session) final() ending {
	r, _, err := s.wire.reply(endTimeout)
	return ending{reply: r, whole: true, err: err}
}

// broken is the end of a message whose sending failed.
func (s *session) broken(err error) ending {
	var local *localError
	if errors.As(err, &local) {
		return ending{err: err}
	}
	err = s.lastWord(err)
	if p, ok := errors.AsType[*problem](err); ok {
		s.close() // what was sent of the message would be read as commands
		return ending{reply: p.reply}
	}
	return ending{err: err}
}

// errRefused carries a server's refusal in the middle of a message.
type errRefused struct{ reply mail.Reply }

func (e *errRefused) Error() string { return e.reply.String() }

// sendChunks is the message in BDATs (RFC 3030 §2). With PIPELINING one chunk is
// always under way while the next is written (§4.2).
func (s *session) sendChunks(b *body) ending {
	pace := pace{began: time.Now()}
	waiting := 0 // replies that have not come
	err := b.blocks(&encoder{}, func(p []byte, last bool) error {
		end := ""
		if last {
			end = " LAST"
		}
		if err := s.wire.command(fmt.Sprintf("BDAT %d%s", len(p), end)); err != nil {
			return err
		}
		if err := s.wire.write(p); err != nil {
			return err
		}
		if err := s.wire.flush(); err != nil {
			return err
		}
		for waiting++; waiting > 0 && !last && (waiting > 1 || !s.ext.pipelining); {
			if err := s.chunk(&waiting); err != nil {
				return err
			}
		}
		return pace.add(len(p))
	})
	for err == nil && waiting > 1 {
		err = s.chunk(&waiting)
	}
	var refused *errRefused
	switch {
	case errors.As(err, &refused):
		for ; waiting > 0; waiting-- { // the chunks behind it are refused too
			if _, _, err := s.wire.reply(endTimeout); err != nil {
				s.close()
				break
			}
		}
		return ending{reply: refused.reply}
	case err != nil:
		return s.broken(err)
	}
	return s.final()
}

// chunk reads the reply to a chunk that is not the last.
func (s *session) chunk(waiting *int) error {
	r, _, err := s.wire.reply(endTimeout)
	if err != nil {
		return err
	}
	*waiting--
	if r.Code/100 != 2 {
		return &errRefused{r}
	}
	return nil
}
