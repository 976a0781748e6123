package office

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/sanduk-mail/sanduk/services/content"
	"github.com/sanduk-mail/sanduk/services/delivery"
	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
	"github.com/sanduk-mail/sanduk/services/web"
)

// redactRoom is how much a message may grow when something is taken out of it: a text
// may have to be encoded.
const redactRoom = 2 * content.MaxRedact

// keptEvery is how often the administrator is told that messages wait.
const keptEvery = time.Hour

// screening is the domains' rules on contents at work. Safe for any number of
// goroutines.
type screening struct {
	o *Office

	mu   sync.Mutex
	sets map[*mail.ContentRule]*content.Set // by the first rule: the directory gives the same ones until they change
	told time.Time                          // when the administrator was told last that messages wait
}

// maxSets bounds the compiled rules that are kept; when there are more they are
// compiled anew.
const maxSets = 100

// set is the rules of a domain, ready for use; nil if it has none.
func (s *screening) set(domain string) (*content.Set, error) {
	rules := s.o.directory.Content(domain)
	if len(rules) == 0 {
		return nil, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if set := s.sets[&rules[0]]; set != nil {
		return set, nil
	}
	set, err := content.Compile(rules)
	if err != nil {
		return nil, fmt.Errorf("rules of %s: %w", domain, err)
	}
	if len(s.sets) >= maxSets || s.sets == nil {
		s.sets = map[*mail.ContentRule]*content.Set{}
	}
	s.sets[&rules[0]] = set
	return set, nil
}

// Screen applies the rules of the domains that a message is of, or for. What one domain
// refuses is refused, what one wants held is held; what is left to be taken out is taken
// out for each.
func (s *screening) Screen(ctx context.Context, envelope *mail.Envelope, p delivery.Passage, body *draft.Draft) (delivery.Screened, error) {
	var out delivery.Screened
	way, domains := content.In, p.In
	if p.Of != "" {
		way, domains = 0, authors(p.Of, body)
		if p.Out {
			way |= content.Out
		}
		if p.Internal {
			way |= content.Internal
		}
	}
	var redacting []finding
	for _, domain := range domains {
		f, found, err := s.look(ctx, envelope, domain, way, body)
		if err != nil {
			return out, err
		}
		switch {
		case !found:
		case f.Rule.Action == mail.ContentRefuse:
			return out, &mail.Refusal{Status: mail.Status5_7_1NotPermitted, Text: fmt.Sprintf("The rule \"%s\" of %s does not let this message through. It is about %s",
				plainASCII(f.Rule.Name), domain, inWords(f.Match))}
		case f.Rule.Action == mail.ContentHold && out.Keep == "":
			out.Keep = fmt.Sprintf("Rule “%s” of %s: %s", f.Rule.Name, domain, inWords(f.Match))
		case f.Rule.Action == mail.ContentRedact:
			redacting = append(redacting, f)
		}
		if f.unseen != "" && out.Keep == "" {
			out.Keep = fmt.Sprintf("The rules of %s could not be applied to all of it: %s", domain, f.unseen)
		}
	}
	for _, f := range redacting {
		if out.Keep != "" {
			break
		}
		without, keep, err := s.redact(ctx, f.set, way, body, f.Match)
		if out.Body != nil {
			out.Body.Discard() // the one before, in which less is taken out
		}
		if out.Body, out.Keep = without, keep; err != nil {
			return out, err
		}
		if without != nil {
			body = without
		}
	}
	return out, nil
}

// finding is what a domain's rules say of a message.
type finding struct {
	content.Match
	set    *content.Set
	unseen string // why a message that was not looked at as a whole has to wait
}

// look says what the rules of a domain find; found is false where that is nothing.
func (s *screening) look(ctx context.Context, envelope *mail.Envelope, domain string, way content.Way, body *draft.Draft) (f finding, found bool, err error) {
	if f.set, err = s.set(domain); err != nil || f.set == nil || f.set.Empty(way) {
		return f, false, err
	}
	all, err := f.set.Look(ctx, way, body.Digest(), body.Reader())
	if err != nil {
		return f, false, err
	}
	if all.Partial != "" {
		s.o.log.Warn("a message was not looked at as a whole", "verb", "judge", "id", envelope.ID, "domain", domain, "why", all.Partial)
		if way&content.Out != 0 {
			f.unseen = all.Partial // what must not leave might stand in the rest
		}
	}
	if len(all.Unread) > 0 {
		s.o.log.Info("attached documents could not be looked into", "verb", "judge", "id", envelope.ID, "domain", domain, "documents", all.Unread)
		if all.Blind != "" && f.unseen == "" {
			f.unseen = fmt.Sprintf("what is attached can't be read (%s), and the rule “%s” has such mail wait", shownNames(all.Unread), all.Blind)
		}
	}
	if f.Match, found = all.Strictest(); found {
		s.o.log.Info("a rule on contents holds", "verb", "judge", "id", envelope.ID, "domain", domain, "rule", f.Rule.Name, "action", f.Rule.Action, "places", f.Count)
	}
	return f, found, nil
}

// maxShownName is how many characters of an attachment's name stand in a reason.
const maxShownName = 60

// shownNames is names that others have given, on one line.
func shownNames(names []string) string {
	shown := make([]string, len(names))
	for i, name := range names {
		shown[i] = cut(strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return ' '
		}, name), maxShownName)
		if shown[i] == "" {
			shown[i] = "without a name"
		}
	}
	return strings.Join(shown, ", ")
}

// authors are the domains whose rules are for a message from inside: that of who has
// logged in, and those in whose names it is written.
func authors(login string, body *draft.Draft) []string {
	domains := []string{strings.ToLower(login)}
	for _, from := range body.Digest().Envelope.From {
		if host := strings.ToLower(from.Host); host != "" && !slices.Contains(domains, host) {
			domains = append(domains, host)
		}
	}
	return domains
}

// inWords says where something was found, in ASCII.
func inWords(m content.Match) string {
	words := map[content.Place]string{content.InText: "the text", content.InHeader: "the subject or the addresses", content.InName: "the name of an attachment", content.InDocument: "an attached document"}
	var places []string
	for _, p := range m.Places {
		if w := words[p]; !slices.Contains(places, w) {
			places = append(places, w)
		}
	}
	return "what is in " + strings.Join(places, " and ")
}

// plainASCII is a text as it can stand in a reply line.
func plainASCII(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' || r == '"' {
			return '?'
		}
		return r
	}, s)
}

// redact makes the message without what was found. What can't be taken out makes it
// wait.
func (s *screening) redact(ctx context.Context, set *content.Set, way content.Way, body *draft.Draft, m content.Match) (without *draft.Draft, keep string, err error) {
	without = s.o.spool.New(mail.MaxMessage + redactRoom)
	defer func() {
		if keep != "" || err != nil {
			without.Discard()
			without = nil
		}
	}()
	keep = fmt.Sprintf("Rule “%s”: what it found can't be taken out of this message, ", m.Rule.Name)
	err = set.Redact(ctx, way, body.Digest(), body.Reader(), without)
	switch {
	case errors.Is(err, content.ErrSealed):
		return without, keep + "which is signed or encrypted", nil
	case errors.Is(err, content.ErrTooLong), errors.Is(err, mail.ErrTooLarge):
		return without, keep + "which is too long for that", nil
	case err != nil:
		return without, "", err
	}
	if err := without.Finish(); err != nil {
		return without, "", err
	}
	again, err := set.Look(ctx, way, without.Digest(), without.Reader())
	if err != nil {
		return without, "", err
	}
	for _, left := range again.Matches {
		if left.Rule.Action == mail.ContentRedact {
			return without, keep + "it also stands in " + strings.TrimPrefix(inWords(left), "what is in "), nil
		}
	}
	return without, "", nil
}

// Keep has a message wait in the queue, as it came, and tells who has to know. The
// sender of mail from outside is told nothing: it may never have been his.
func (s *screening) Keep(ctx context.Context, envelope *mail.Envelope, stay delivery.Stay, why string, body *draft.Draft) error {
	staged, err := s.o.store.Stage(ctx, body)
	if err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	if err := s.o.queue.Keep(ctx, staged, staying(envelope, stay, body), why); err != nil {
		if errors.Is(err, mail.ErrTooMany) {
			return &mail.Refusal{Status: mail.Status4_3_2NotAccepting, Text: "This message would have to wait for a decision, and too many wait already. Try again later", Cause: err}
		}
		return fmt.Errorf("keep: %w", err)
	}
	subject := cut(body.Digest().Subject(), 200)
	if login := envelope.Peer.Login; login.Account != 0 {
		s.o.notify(notice{to: login.Address, subject: "Your message waits for a decision", text: fmt.Sprintf(
			"Your message “%s” has not been sent yet. An administrator of the office decides about it.\n\nThe reason: %s.\n\nYou need not send it again.", subject, why)})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := time.Now(); now.Sub(s.told) >= keptEvery {
		s.told = now
		s.o.notify(notice{to: s.o.postmaster(), subject: "A message waits for your decision", text: fmt.Sprintf(
			"A message from %s waits: “%s”.\n\nThe reason: %s.\n\nboxctl held list shows all that wait; boxctl held release %s lets this one through, boxctl held drop %s ends it.\n\n"+
				"Of further ones you are told once an hour.", shownSender(envelope.From), subject, why, envelope.ID, envelope.ID)})
	}
	return nil
}

func shownSender(from mail.Address) string {
	if from.IsZero() {
		return "nobody (a report)"
	}
	return from.String()
}

// cut is a text of at most n characters on one line.
func cut(s string, n int) string {
	runes := []rune(strings.Join(strings.Fields(s), " "))
	if len(runes) > n {
		return string(runes[:n]) + "…"
	}
	return string(runes)
}

// heldMail is what waits for a decision, for the pages.
type heldMail struct{ o *Office }

// Held lists it.
func (h heldMail) Held(ctx context.Context, after mail.ID) ([]web.Held, bool, error) {
	items, more, err := h.o.queue.ListKept(ctx, queue.Page{After: after})
	list := make([]web.Held, 0, len(items))
	for _, it := range items {
		shown := web.Held{ID: it.ID, From: it.From, At: it.Accepted, Size: it.Size, Why: it.Why(), Inside: it.Account != 0}
		for _, to := range it.To {
			shown.To = append(shown.To, to.Address)
		}
		list = append(list, shown)
	}
	return list, more, err
}

// Release lets a message go on its way, in one record with its end here.
func (h heldMail) Release(ctx context.Context, id mail.ID) error {
	return known(decided(h.o.queue.Hand(ctx, id, func(it *queue.Item, text mail.Content, gone *journal.Entry) error {
		env, stay, err := h.o.stayed(ctx, it)
		if err != nil {
			return &mail.RuleError{Text: "Who has sent this is not here any more: drop the message, or bring the account back first", Err: err}
		}
		body, err := h.o.bodyOf(it, text)
		if err != nil {
			return fmt.Errorf("release %s: %w", id, err)
		}
		defer body.Discard()
		if env.Wishes.HoldUntil.After(time.Now()) {
			return shelf{h.o, gone}.Postpone(ctx, env, stay, body)
		}
		return h.o.mailroom.Resume(ctx, env, stay, body, func(attempts []mail.Attempt) (delivery.Post, error) {
			for _, a := range attempts {
				if a.Fate != mail.FateDelivered {
					return nil, &mail.RuleError{Text: fmt.Sprintf("The message can't go where it was sent, to %s: %s", env.To[a.To].Address, a.Reply.Text)}
				}
			}
			return posting{h.o, gone, it.Message}, nil
		})
	})))
}

// decided puts into words for who decides about a message what is said to senders.
func decided(err error) error {
	refusal, ok := errors.AsType[*mail.Refusal](err)
	switch {
	case !ok:
		return err
	case errors.Is(err, mail.ErrTooMany):
		return &mail.RuleError{Text: "Too much of what its sender has sent waits for its time already: release this later, or drop some of that", Err: err}
	}
	return &mail.RuleError{Text: "The message can't go on now: " + refusal.Text, Err: err}
}

// Drop ends a message. Somebody of the office who has sent it gets a report.
func (h heldMail) Drop(ctx context.Context, id mail.ID) error {
	it, err := h.o.queue.Show(ctx, id)
	if err != nil {
		return known(err)
	}
	if !it.Kept() {
		return mail.ErrNotWaiting
	}
	return known(h.o.queue.Drop(ctx, id))
}

// Export gives a message that waits.
func (h heldMail) Export(ctx context.Context, id mail.ID, w io.Writer) error {
	it, err := h.o.queue.Show(ctx, id)
	if err == nil && !it.Kept() {
		err = queue.ErrNoItem
	}
	if err == nil {
		err = h.o.queue.Export(ctx, id, w)
	}
	return known(err)
}

// known gives the queue's errors the vocabulary's names.
func known(err error) error {
	switch {
	case errors.Is(err, queue.ErrNothing):
		return fmt.Errorf("%w (%w)", mail.ErrNotWaiting, err)
	case errors.Is(err, queue.ErrSending):
		return &mail.RuleError{Text: "Somebody else decides about this message at this moment", Err: mail.ErrInUse}
	}
	return err
}
