package operator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/queue"
)

// waitingMail is the queue of a running box or of a data directory.
type waitingMail interface {
	waiting(ctx context.Context, f mail.WaitingFilter) (list []mail.Waiting, more bool, err error)
	waitingCounts(ctx context.Context) (mail.WaitingStats, error)
	showWaiting(ctx context.Context, id mail.ID) (mail.Waiting, error)
	exportWaiting(ctx context.Context, id mail.ID, w io.Writer) error
	// alterWaiting does what a waitingVerb says.
	alterWaiting(ctx context.Context, verb waitingVerb, id mail.ID) error
	redirectWaiting(ctx context.Context, id mail.ID, from, to mail.Address) error
	// retryAll has all that waits, or with a hop all that waits for it, tried at once.
	retryAll(ctx context.Context, hop mail.Hop) error
}

// waitingVerb is what can be done to a waiting message.
type waitingVerb string

// The verbs, as the API's paths have them.
const (
	holdWaiting    waitingVerb = "hold"
	releaseWaiting waitingVerb = "release"
	retryWaiting   waitingVerb = "retry"
	dropWaiting    waitingVerb = "drop"
)

// listPage is how many messages are asked for at a time.
const listPage = 200

// queueList lists what waits, page by page.
func queueList(ctx context.Context, t *task) error {
	f := mail.WaitingFilter{Held: t.flags.held, Hop: mail.Hop(strings.ToLower(t.flags.hop)), Address: t.flags.address, Limit: listPage}
	return t.at(ctx, func(p place) error {
		n := 0
		for {
			list, more, err := p.waiting(ctx, f)
			if err != nil {
				return err
			}
			table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
			for _, w := range list {
				listWaiting(table, w)
			}
			if err := table.Flush(); err != nil {
				return err
			}
			n += len(list)
			if !more || len(list) == 0 {
				break
			}
			if f.After, err = mail.ParseID(list[len(list)-1].ID); err != nil {
				return err
			}
		}
		switch {
		case n > 0:
		case t.flags.held || t.flags.hop != "" || t.flags.address != "":
			t.say("No waiting mail is like that. boxctl queue list without --held, --hop and --address shows all of it")
		default:
			t.say("No waiting mail. Messages stand here while another server doesn't accept them.")
		}
		return nil
	})
}

// listWaiting is one message on a line of its own, and a line for each recipient who
// still waits.
func listWaiting(w io.Writer, m mail.Waiting) {
	fmt.Fprintf(w, "%s\t%s\t%s\tfrom %s\n", m.ID, m.Accepted.Local().Format("2006-01-02 15:04"), size(m.Size), nobody(m.From))
	for _, r := range m.To {
		switch r.State {
		case "queued":
			fmt.Fprintf(w, "\t→ %s\t\t%s\n", r.Address, waits(r))
		case "held":
			fmt.Fprintf(w, "\t→ %s\t\theld back\n", r.Address)
		}
	}
}

// waits is how a recipient stands who is not held.
func waits(r mail.WaitingRecipient) string {
	text := "waits for its turn"
	if r.Next != nil && r.Next.After(time.Now()) && r.Hop == string(queue.HopLater) && r.Tries == 0 {
		return "is sent at " + r.Next.Local().Format("2006-01-02 15:04") + ", as its sender wishes"
	}
	if r.Next != nil && r.Next.After(time.Now()) {
		text = "next try " + r.Next.Local().Format("2006-01-02 15:04")
	}
	if n := len(r.Attempts); n > 0 {
		text = fmt.Sprintf("tried %s; %s: %s", counted(r.Tries, "time", "times"), text, r.Attempts[n-1].Reply)
	}
	return text
}

func nobody(address string) string {
	if address == "" {
		return "the mail system itself"
	}
	return address
}

// queueShow shows one message with all that was tried.
func queueShow(ctx context.Context, t *task) error {
	id, err := t.waitingID()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		m, err := p.showWaiting(ctx, id)
		if err != nil {
			return err
		}
		t.say("%s (received as %s)", m.ID, m.Message)
		t.say("  from %s, %s, waits since %s", nobody(m.From), size(m.Size), m.Accepted.Local().Format(time.DateTime))
		if m.Priority != 0 {
			t.say("  priority %d", m.Priority)
		}
		if m.HoldUntil != nil {
			t.say("  its sender wants it sent at %s", m.HoldUntil.Local().Format(time.DateTime))
		}
		if m.By != nil {
			t.say("  its sender wants it delivered by %s", m.By.Local().Format(time.DateTime))
		}
		if m.RequireTLS {
			t.say("  over verified TLS only")
		}
		for _, r := range m.To {
			t.showRecipient(r)
		}
		return nil
	})
}

func (t *task) showRecipient(r mail.WaitingRecipient) {
	t.say("→ %s: %s", r.Address, r.State)
	if r.Original != "" {
		t.say("  its sender knows it as %s", r.Original)
	}
	if hop := strings.ToLower(r.Address[strings.LastIndexByte(r.Address, '@')+1:]); r.Hop != hop && r.Hop != string(queue.HopLater) {
		t.say("  goes by way of %s", r.Hop)
	}
	if missing := r.Tries - len(r.Attempts); missing > 0 {
		t.say("  %s before these", counted(missing, "try", "tries"))
	}
	for _, a := range r.Attempts {
		where := "nobody was reached"
		if a.Server != "" {
			where = strings.TrimSpace(a.Server + " " + a.Addr)
		}
		if a.TLS != "" {
			where += ", " + a.TLS
		}
		t.say("  %s  %s: %s", a.At.Local().Format(time.DateTime), a.Fate, a.Reply)
		t.say("                       %s, after %s", where, a.Took.Round(time.Millisecond))
	}
	switch {
	case r.Next == nil:
	case r.Next.After(time.Now()):
		t.say("  next try %s", r.Next.Local().Format(time.DateTime))
	default:
		t.say("  waits for its turn")
	}
}

// queueStats counts.
func queueStats(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		s, err := p.waitingCounts(ctx)
		if err != nil {
			return err
		}
		t.say("%s, %s being sent", counted(s.Messages, "message waits", "messages wait"), number(s.Sending))
		if s.Opens != nil {
			t.say("Mail leaves again %s; boxctl queue retry sends what waits now", s.Opens.Local().Format("2006-01-02 15:04"))
		}
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		for _, h := range s.Hops {
			note := ""
			if h.Dead {
				note = "nobody answers there: " + h.Reply
				if h.Probe != nil {
					note += "; asked again " + h.Probe.Local().Format("2006-01-02 15:04")
				}
			}
			where := h.Hop
			if h.Hop == string(queue.HopLater) {
				where = "for the time that their senders have named:"
			}
			if h.Via != "" {
				where = "by way of " + h.Via
			}
			fmt.Fprintf(table, "  %s\t%s waiting\t%s\n", where, number(h.Waiting), note)
		}
		return table.Flush()
	})
}

func (t *task) waitingID() (mail.ID, error) {
	id, err := mail.ParseID(t.args[0])
	if err != nil {
		return id, fmt.Errorf("%w: %q is not the ID of a message: boxctl queue list shows them", errUsage, t.args[0])
	}
	return id, nil
}

// queueAlter does one thing to the messages that are named.
func queueAlter(verb waitingVerb, done string) func(context.Context, *task) error {
	return func(ctx context.Context, t *task) error {
		id, err := t.waitingID()
		if err != nil {
			return err
		}
		return t.at(ctx, func(p place) error {
			if err := p.alterWaiting(ctx, verb, id); err != nil {
				return err
			}
			t.say("%s %s", id, done)
			return nil
		})
	}
}

// queueRetry has one message tried at once, or all, or those for a domain.
func queueRetry(ctx context.Context, t *task) error {
	if len(t.args) == 1 {
		if t.flags.hop != "" {
			return fmt.Errorf("%w: give a message or --hop, not both", errUsage)
		}
		return queueAlter(retryWaiting, "is tried at once")(ctx, t)
	}
	return t.at(ctx, func(p place) error {
		if err := p.retryAll(ctx, mail.Hop(strings.ToLower(t.flags.hop))); err != nil {
			return err
		}
		what := "All that waits"
		if t.flags.hop != "" {
			what += " for " + t.flags.hop
		}
		t.say("%s is tried at once, but what is held back", what)
		return nil
	})
}

// queueRedirect sends what is for one address to another.
func queueRedirect(ctx context.Context, t *task) error {
	id, err := t.waitingID()
	if err != nil {
		return err
	}
	from, err := addresses(t.args[1])
	if err != nil {
		return err
	}
	to, err := addresses(t.args[2])
	if err != nil {
		return err
	}
	if len(from) != 1 || len(to) != 1 {
		return fmt.Errorf("%w: give the address as it is, and the one that is meant", errUsage)
	}
	return t.at(ctx, func(p place) error {
		if err := p.redirectWaiting(ctx, id, from[0].Address, to[0].Address); err != nil {
			return err
		}
		t.say("%s goes to %s now instead of %s", id, to[0].Address, from[0].Address)
		return nil
	})
}

// queueExport writes a message into a new file, or to standard output.
func queueExport(ctx context.Context, t *task) error {
	id, err := t.waitingID()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) (err error) {
		if t.flags.to == "" {
			return p.exportWaiting(ctx, id, t.Out)
		}
		f, err := os.OpenFile(t.flags.to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is there already, and nothing is written over: name a file that is new", t.flags.to)
		}
		if err != nil {
			return err
		}
		if err := p.exportWaiting(ctx, id, f); err != nil {
			_, _ = f.Close(), os.Remove(f.Name()) // half a message is none
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
		t.say("%s is in %s", id, t.flags.to)
		return nil
	})
}

// reportWaiting lists what is wrong with the queue, and then what to do about it.
func (t *task) reportWaiting(r queue.Report) {
	index, lost := false, false
	for _, p := range r.Problems {
		t.say("problem:   waiting mail: %s: %s", p.Item, p.Text)
		index, lost = index || !p.Lost, lost || p.Lost
	}
	if r.Omitted > 0 {
		t.say("problem:   and %s more of waiting mail", number(r.Omitted))
	}
	if index {
		t.say("→ The list of waiting mail does not fit the log. Keep a copy of the data directory, then take mail/queue.db away: it is made anew from the log.")
	}
	if lost {
		t.say("→ Messages that wait can't be read any more. The box sends them back to their senders by itself; boxctl queue show says who they are.")
	}
}
