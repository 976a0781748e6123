package delivery

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// maxSteps bounds how often mail is passed on inside the office. The directory
	// refuses longer ways when they are asked for; this is for the moment between
	// two of its states.
	maxSteps = 10
	// maxExpanded bounds to how many one message goes: ten times the largest group.
	maxExpanded = 10000
)

// sender is who a message comes from, as far as it matters for where it may go.
type sender struct {
	login mail.AccountID
	made  bool       // the box itself wrote it
	rules mail.Rules // of login
}

// inside reports whether it is from inside the office for sure. An envelope's
// sender proves nothing.
func (s *sender) inside() bool { return s.login != 0 || s.made }

// expansion works out to whom one message goes. It is for one goroutine.
type expansion struct {
	ctx      context.Context
	room     *Mailroom
	envelope *mail.Envelope
	body     *draft.Draft // nil at RCPT
	from     sender

	accounts map[mail.AccountID]bool // who has had a turn; false: who was left out, or has it now
	groups   map[mail.Address]bool   // likewise; nil: none
	sent     map[mail.Address]bool   // outside; nil: nobody
	local    []inward
	outside  []outward
	arrived  []arrival
	copies   []copied
	full     *mail.Refusal // why somebody was left out for want of room
	trail    map[mail.Address]bool

	collected bool // it was fetched from a provider: nobody hears of what becomes of it
	round     bool // it has been here: it is not passed on
	resumed   bool // it has waited here: nobody waits for one reply to all recipients
	keeping   bool // it goes to the keeper, who has to take it
}

// inward is one mailbox.
type inward struct {
	account mail.AccountID
	to      mail.Address // as it was addressed, detail and all
}

// outward is one recipient elsewhere.
type outward struct {
	to   mail.Recipient
	from mail.Address
	via  mail.Address // who forwards it; zero for what somebody sends there
}

// copied is a copy that a rule asks for.
type copied struct {
	to  mail.Member
	via mail.Address // whose rule it is
}

// route is how a message comes to a place.
type route struct {
	to     mail.Recipient // as the sender wrote it
	via    mail.Address   // the last address of the office that passed it on; zero: none has
	copy   bool
	kept   bool // whoever passes it on keeps it if nobody gets it
	single bool // it goes this one way and no other, as if the sender had addressed it there
	steps  int
}

func (r *route) direct() bool { return r.via.IsZero() && !r.copy }

func (m *Mailroom) expand(ctx context.Context, envelope *mail.Envelope, body *draft.Draft) (*expansion, error) {
	x := &expansion{}
	return x, x.begin(ctx, m, envelope, body)
}

// begin says what an empty expansion is about.
func (x *expansion) begin(ctx context.Context, m *Mailroom, envelope *mail.Envelope, body *draft.Draft) error {
	x.ctx, x.room, x.envelope, x.body = ctx, m, envelope, body
	many := 0
	if body != nil { // else it is about one of them
		many = len(envelope.To)
	}
	if x.accounts == nil {
		x.accounts, x.local = make(map[mail.AccountID]bool, many), make([]inward, 0, many)
	}
	if x.from.login = envelope.Peer.Login.Account; x.from.login == 0 {
		// What the box writes has not come from anywhere (mail.Peer).
		x.from.made = envelope.Peer == mail.Peer{}
		return nil
	}
	var err error
	if x.from.rules, err = m.directory.Rules(ctx, x.from.login); err != nil {
		return fmt.Errorf("route: rules of the sender: %w", err)
	}
	return nil
}

// listing takes in an address of the office that somebody wrote to.
func (x *expansion) listing(found *mail.Found, to mail.Recipient) error {
	if found.Kind == mail.ListingGroup {
		if err := x.mayWrite(found); err != nil {
			return err
		}
		if x.passed(found.Address) {
			return &mail.Refusal{Status: mail.Status5_4_6Loop, Text: "This message has been to the group before: somebody in it sends its mail back"}
		}
	}
	x.copy(found.Copies, found.Address, true)
	reached, err := x.pass(found, route{to: to})
	switch {
	case err != nil || reached:
		return err
	case x.full != nil:
		return x.full
	}
	return &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "Nobody behind this address may get this message"}
}

// pass takes a message on to all for whom an address stands, and reports whether
// anybody gets it. An error of a route that is direct is the sender's to hear.
func (x *expansion) pass(found *mail.Found, r route) (reached bool, err error) {
	if r.steps++; r.steps > maxSteps {
		return false, nil
	}
	switch found.Kind {
	case mail.ListingAccount, mail.ListingAlias:
		return x.account(found.Account, r)
	case mail.ListingGroup:
		if reached, known := x.groups[found.Address]; known {
			return reached, nil
		}
		if x.groups == nil {
			x.groups = map[mail.Address]bool{}
		}
		x.groups[found.Address] = false // while it is under way, as with accounts
		defer func() { x.groups[found.Address] = reached }()
	}
	r.via, r.single = found.Address, false
	for _, m := range found.Members {
		ok, err := x.member(m, r)
		if err != nil {
			return false, err
		}
		reached = reached || ok
	}
	return reached, nil
}

// account takes a message to one person: to the mailbox, to whom it is forwarded,
// or both. What can't be forwarded is kept.
func (x *expansion) account(id mail.AccountID, r route) (bool, error) {
	if reached, known := x.accounts[id]; known {
		return reached, nil
	}
	rules, err := x.room.directory.Rules(x.ctx, id)
	if errors.Is(err, mail.ErrNoAccount) && !r.direct() {
		return false, nil // removed this moment
	}
	if err != nil {
		return false, fmt.Errorf("route: rules of %s: %w", id, err)
	}
	if rules.LocalOnly && !x.from.inside() && !r.copy && !x.keeping {
		if r.direct() {
			return false, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: "This address takes mail from inside the office only"}
		}
		return false, nil
	}
	// While it is under way, so that nothing goes round: who would send it back here
	// keeps it. The directory lets nobody set that up, but somebody may change it between
	// two looks at it, and then the message would be nobody's.
	x.accounts[id] = false
	on := 0
	if len(rules.Forward) > 0 && !x.passed(rules.Address) {
		next := r
		next.kept = true
		next.via, next.single = rules.Address, (r.direct() || r.single) && len(rules.Forward) == 1 && !rules.Keep
		for _, m := range rules.Forward {
			ok, err := x.member(m, next)
			if err != nil {
				return false, err
			}
			if ok {
				on++
			}
		}
	}
	reached := on > 0
	if rules.Keep || on < len(rules.Forward) || len(rules.Forward) == 0 {
		ok, err := x.mailbox(id, r)
		if err != nil {
			return false, err
		}
		reached = reached || ok
	}
	x.accounts[id] = reached
	if reached && !r.copy {
		x.copy(rules.Copies, rules.Address, true)
	}
	return reached, nil
}

// mailbox takes a message to a mailbox. Of several people behind one address, one
// whose mailbox is full does not keep the others from getting it.
func (x *expansion) mailbox(id mail.AccountID, r route) (bool, error) {
	var err error
	if !r.copy {
		err = x.takes(id)
	}
	if err == nil && (x.body == nil || !r.direct() || x.collected || x.resumed) {
		err = x.fits(r.to.Address, id)
	}
	if err != nil {
		if refusal, ok := errors.AsType[*mail.Refusal](err); ok && !r.direct() {
			x.full = refusal
			x.room.log.Warn("mailbox has no room for it and is left out", "id", x.envelope.ID, "account", id, "via", r.via.String())
			return false, nil
		}
		return false, err
	}
	if len(x.local)+len(x.outside) >= maxExpanded {
		return false, fmt.Errorf("route: message goes to more than %d mailboxes", maxExpanded)
	}
	x.local = append(x.local, inward{id, r.to.Address})
	return true, nil
}

func (x *expansion) fits(to mail.Address, id mail.AccountID) error {
	envelope := x.envelope
	if x.body != nil {
		sized := *envelope
		sized.Size = x.body.Size()
		envelope = &sized
	}
	return x.room.fits(x.ctx, envelope, to, id)
}

// member takes a message on to one of those to whom an address leads.
func (x *expansion) member(m mail.Member, r route) (bool, error) {
	if m.Account != 0 {
		if r.steps++; r.steps > maxSteps {
			return false, nil
		}
		return x.account(m.Account, r)
	}
	found, err := x.room.directory.Look(x.ctx, m.Address)
	switch {
	case err == nil:
		return x.pass(&found, r)
	case errors.Is(err, mail.ErrNoSuchAddress):
		return false, nil
	case !errors.Is(err, mail.ErrNotOurDomain):
		return false, fmt.Errorf("route: resolve %s: %w", m.Address, err)
	}
	// A copy is the administrator's wish, whoever wrote the message. Else what is from
	// somebody who writes inside the office only stays inside, and so does junk: the
	// next server would blame this one for it.
	junk := x.envelope.Judgement.Junk && r.kept
	if !x.room.leaves() || !r.copy && (x.from.rules.LocalOnly || junk) {
		return false, nil
	}
	if len(x.local)+len(x.outside) >= maxExpanded {
		return false, fmt.Errorf("route: message goes to more than %d mailboxes", maxExpanded)
	}
	to, from := mail.Recipient{Address: m.Address, Notify: mail.NotifyNever}, mail.Address{}
	if !r.copy && !x.collected { // of copies nobody hears, nor of what a provider has taken long ago
		to.Notify, to.Original = notify(r), r.to.Original
		if from, err = x.returnPath(r.via); err != nil {
			return false, err
		}
	}
	x.out(outward{to: to, from: from, via: r.via})
	return true, nil
}

// notify is what is asked of whom mail is passed on to. One who stands in for the
// recipient answers for him (RFC 3461 §5.2.7.2); of several none can say that it
// has arrived, only that it hasn't (§5.2.7.3).
func notify(r route) mail.Notify {
	if r.single || r.to.Notify == 0 {
		return r.to.Notify
	}
	if n := r.to.Notify &^ mail.NotifySuccess; n != 0 {
		return n
	}
	return mail.NotifyNever
}

// returnPath is the reverse-path of forwarded mail: our own people's stay, all
// others are written anew in the forwarder's domain, for the next server would find
// that this one may not send for theirs. One too long for that becomes the null
// path: its sender hears nothing of a failure then. The null path is never
// replaced, so that nothing answers an answer (RFC 3834 §3.3, RFC 5321 §4.5.5).
func (x *expansion) returnPath(via mail.Address) (mail.Address, error) {
	from := x.envelope.From
	if from.IsZero() || x.room.srs == nil {
		return from, nil
	}
	switch _, err := x.room.directory.Look(x.ctx, from); {
	case err == nil:
		return from, nil
	case !errors.Is(err, mail.ErrNotOurDomain) && !errors.Is(err, mail.ErrNoSuchAddress):
		return from, fmt.Errorf("route: resolve %s: %w", from, err)
	}
	path, err := x.room.srs.Forward(from, via.Domain, time.Now())
	if err != nil {
		return mail.Address{}, nil
	}
	return path, nil
}

// out takes a recipient elsewhere in, once.
func (x *expansion) out(o outward) {
	key := o.to.Address
	key.Domain = strings.ToLower(key.Domain) // what stands before the @ is for others to compare
	if !x.sent[key] {
		if x.sent == nil {
			x.sent = map[mail.Address]bool{}
		}
		x.sent[key] = true
		x.outside = append(x.outside, o)
	}
}

// copy notes the copies that rules ask for, of mail coming in or going out.
func (x *expansion) copy(rules []mail.Copy, via mail.Address, in bool) {
	for _, c := range rules {
		if in && c.In || !in && c.Out {
			x.copies = append(x.copies, copied{c.To, via})
		}
	}
}

// copyOut makes the copies, after all recipients, so that whoever is one of them
// gets the message as such. Copies have no copies.
func (x *expansion) copyOut() error {
	if x.from.login != 0 {
		x.copy(x.from.rules.Copies, x.from.rules.Address, false)
		if found, err := x.room.directory.Look(x.ctx, x.from.rules.Address); err == nil {
			x.copy(found.Copies, found.Address, false)
		}
	}
	for _, c := range x.copies {
		r := route{to: mail.Recipient{Address: c.to.Address}, via: c.via, copy: true}
		reached, err := x.member(c.to, r)
		if err != nil {
			return err
		}
		if !reached {
			x.room.log.Warn("copy could not be made", "id", x.envelope.ID, "to", c.to.Address.String(), "of", c.via.String())
		}
	}
	return nil
}
