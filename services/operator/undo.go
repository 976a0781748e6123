package operator

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// deleted is what was deleted of one person's mail, and how to put it back.
type deleted interface {
	Mailboxes(ctx context.Context) ([]mail.Mailbox, error)
	DeletedMailboxes(ctx context.Context) ([]mail.DeletedMailbox, error)
	Expunged(ctx context.Context, q mail.ExpungedQuery) (mail.ExpungedPage, error)
	Restore(ctx context.Context, places []mail.Place, into mail.MailboxID) ([]mail.Restored, error)
	RestoreMailbox(ctx context.Context, id mail.MailboxID) ([]mail.Mailbox, error)
	RestoreAsOf(ctx context.Context, r mail.AsOf, tell func(mail.Progress)) (mail.RestoredAsOf, error)
}

// errNotAll says that something could not be brought back; what, was printed.
var errNotAll = errors.New("not everything could be brought back: for some of it the time is over. The rest is back")

// stamp is how times are shown: to the minute, in this computer's zone.
const stamp = "2006-01-02 15:04"

// moment is a time as somebody gave it, to the second where that says more.
func moment(at time.Time) string {
	at = at.Local()
	if at.Second() != 0 {
		return at.Format("2006-01-02 15:04:05")
	}
	return at.Format(stamp)
}

// ofPerson opens what was deleted of the person named first.
func (t *task) ofPerson(ctx context.Context, work func(p place, d deleted) error) error {
	address, err := t.address()
	if err != nil {
		return err
	}
	return t.at(ctx, func(p place) error {
		d, err := p.deleted(ctx, address)
		if err != nil {
			return err
		}
		return work(p, d)
	})
}

// undoList is "undo list".
func undoList(ctx context.Context, t *task) error {
	if len(t.args) == 0 {
		return t.at(ctx, func(p place) error { return t.listRemoved(ctx, p) })
	}
	return t.ofPerson(ctx, func(_ place, d deleted) error {
		q, err := t.expungedQuery(ctx, d)
		if err != nil {
			return err
		}
		n := 0
		if q.Mailbox == 0 && len(q.Words) == 0 {
			if n, err = t.listFolders(ctx, d, q); err != nil {
				return err
			}
		}
		err = eachPage(ctx, d, q, func(page []mail.Expunged) error {
			n += len(page)
			return t.listMessages(page)
		})
		if err == nil && n == 0 {
			fmt.Fprintln(t.Err, "There is nothing to be brought back")
		}
		return err
	})
}

// listRemoved lists the people who can be brought back.
func (t *task) listRemoved(ctx context.Context, p place) error {
	list, err := p.removed(ctx)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	for _, r := range list {
		fmt.Fprintf(table, "%s\t%s\tremoved %s\tuntil %s\n", r.Address, shown(r.Name), r.At.Local().Format(stamp), r.Until.Local().Format(stamp))
	}
	if len(list) == 0 {
		fmt.Fprintln(t.Err, "Nobody was removed who could be brought back")
	}
	return table.Flush()
}

// listFolders lists deleted folders.
func (t *task) listFolders(ctx context.Context, d deleted, q mail.ExpungedQuery) (int, error) {
	list, err := d.DeletedMailboxes(ctx)
	if err != nil {
		return 0, err
	}
	table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	n := 0
	for _, m := range list {
		if !q.Since.IsZero() && m.At.Before(q.Since) || !q.Before.IsZero() && !m.At.Before(q.Before) {
			continue
		}
		n++
		fmt.Fprintf(table, "%s\t%s\tuntil %s\tfolder %s\t%s\n", m.ID, m.At.Local().Format(stamp), m.Until.Local().Format(stamp), shown(m.Name), messages(int(m.Total)))
	}
	return n, table.Flush()
}

// listMessages lists one page of deleted messages.
func (t *task) listMessages(page []mail.Expunged) error {
	table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
	for _, e := range page {
		notes := ""
		if e.Moved {
			notes += " (moved)"
		}
		if e.MailboxGone {
			notes += " (deleted folder)"
		}
		fmt.Fprintf(table, "%s/%d\t%s\tuntil %s\t%s%s\t%s\t%s\n", e.Mailbox, e.UID, e.At.Local().Format(stamp), e.Until.Local().Format(stamp),
			shown(e.Name), notes, shown(e.From), shown(e.Subject))
	}
	return table.Flush()
}

// shown is text of strangers as it may stand on a terminal: nothing in it moves
// the cursor, or a column.
func shown(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || !unicode.IsPrint(r) && r != ' ' {
			return ' '
		}
		return r
	}, text)
}

// eachPage gives a list page by page.
func eachPage(ctx context.Context, d deleted, q mail.ExpungedQuery, use func([]mail.Expunged) error) error {
	for {
		page, err := d.Expunged(ctx, q)
		if err != nil {
			return err
		}
		if err := use(page.Messages); err != nil {
			return err
		}
		if !page.More {
			return nil
		}
		q.After = page.Next
	}
}

// expungedQuery reads the flags that choose messages.
func (t *task) expungedQuery(ctx context.Context, d deleted) (mail.ExpungedQuery, error) {
	q := mail.ExpungedQuery{Words: strings.Fields(t.flags.words), Moved: t.flags.moved}
	now := time.Now()
	var err error
	if t.flags.after != "" {
		if q.Since, err = parseWhen(t.flags.after, now); err != nil {
			return q, err
		}
	}
	if t.flags.before != "" {
		if q.Before, err = parseWhen(t.flags.before, now); err != nil {
			return q, err
		}
	}
	if t.flags.mailbox != "" {
		q.Mailbox, err = findFolder(ctx, d, t.flags.mailbox, false)
	}
	if !q.Before.IsZero() && q.Since.After(q.Before) {
		return q, fmt.Errorf("%w: --after %s is later than --before %s", errUsage, q.Since.Local().Format(stamp), q.Before.Local().Format(stamp))
	}
	return q, err
}

// findFolder finds a folder by its name, or its ID as undo list shows it: one
// that is there, or the last deleted one, of which the latter first when asked.
func findFolder(ctx context.Context, d deleted, text string, deletedFirst bool) (mail.MailboxID, error) {
	living, err := d.Mailboxes(ctx)
	if err != nil {
		return 0, err
	}
	gone, err := d.DeletedMailboxes(ctx) // newest first
	if err != nil {
		return 0, err
	}
	name, nameErr := mail.MailboxName(text)
	matches := func(m mail.Mailbox) bool { return nameErr == nil && m.Name == name }
	i := slices.IndexFunc(living, matches)
	j := slices.IndexFunc(gone, func(m mail.DeletedMailbox) bool { return matches(m.Mailbox) })
	switch {
	case j >= 0 && (deletedFirst || i < 0):
		return gone[j].ID, nil
	case i >= 0:
		return living[i].ID, nil
	}
	if id, err := mail.ParseMailboxID(text); err == nil {
		return id, nil
	}
	return 0, fmt.Errorf("%s: %w", text, mail.ErrNoMailbox)
}

// undoRestore is "undo restore".
func undoRestore(ctx context.Context, t *task) error {
	f := &t.flags
	if f.messages == "" && f.mailbox == "" && f.after == "" && f.before == "" && f.words == "" {
		return fmt.Errorf("%w: which ones? Give --messages, or what chooses them, such as --mailbox or --after", errUsage)
	}
	return t.ofPerson(ctx, func(_ place, d deleted) error {
		into := mail.MailboxID(0)
		var err error
		if f.into != "" {
			if into, err = findFolder(ctx, d, f.into, false); errors.Is(err, mail.ErrNoMailbox) {
				return fmt.Errorf("there is no folder %q to put them into: make it first with a mail program, or leave --into out", f.into)
			}
			if err != nil {
				return err
			}
		}
		counts := map[mail.Outcome]int{}
		put := func(places []mail.Place) error {
			done, err := d.Restore(ctx, places, into)
			if errors.Is(err, mail.ErrGone) { // all of these
				for done, err = nil, nil; len(done) < len(places); {
					done = append(done, mail.Restored{Source: places[len(done)], Outcome: mail.OutcomeGone})
				}
			}
			for _, r := range done {
				counts[r.Outcome]++
				if r.Outcome == mail.OutcomeGone {
					t.tooLate(r.Source, counts[mail.OutcomeGone])
				}
			}
			return err
		}
		if f.messages != "" {
			err = t.restoreNamed(put)
		} else {
			err = t.restoreChosen(ctx, d, put)
		}
		if err != nil && len(counts) == 0 {
			return err
		}
		fmt.Fprintln(t.Out, outcomes(counts[mail.OutcomeBack], counts[mail.OutcomeThere], counts[mail.OutcomeGone]))
		if err == nil && counts[mail.OutcomeGone] > 0 {
			err = errNotAll
			if counts[mail.OutcomeBack]+counts[mail.OutcomeThere] == 0 {
				err = mail.ErrGone
			}
		}
		return err
	})
}

// shownGone is how many messages are named that can't be brought back.
const shownGone = 100

// tooLate names the nth message that can't be brought back.
func (t *task) tooLate(p mail.Place, n int) {
	switch {
	case n <= shownGone:
		fmt.Fprintf(t.Out, "  %s/%d can't be brought back any more: the time for that is over\n", p.Mailbox, p.UID)
	case n == shownGone+1:
		fmt.Fprintln(t.Out, "  and more")
	}
}

// restoreNamed restores the messages that were named, such as m1/5,m1/6.
func (t *task) restoreNamed(put func([]mail.Place) error) error {
	var places []mail.Place
	for name := range strings.SplitSeq(t.flags.messages, ",") {
		box, uid, _ := strings.Cut(strings.TrimSpace(name), "/")
		id, err := mail.ParseMailboxID(box)
		n, uidErr := strconv.ParseUint(uid, 10, 32)
		if err != nil || uidErr != nil {
			return fmt.Errorf("%w: %q is no message: undo list shows them, such as m1/5", errUsage, name)
		}
		places = append(places, mail.Place{Mailbox: id, UID: mail.UID(n)})
	}
	for piece := range slices.Chunk(places, mail.MaxExpungedPage) {
		if err := put(piece); err != nil {
			return err
		}
	}
	return nil
}

// restoreChosen restores what the flags choose.
func (t *task) restoreChosen(ctx context.Context, d deleted, put func([]mail.Place) error) error {
	q, err := t.expungedQuery(ctx, d)
	if err != nil {
		return err
	}
	return eachPage(ctx, d, q, func(page []mail.Expunged) error {
		var places []mail.Place
		for _, e := range page {
			places = append(places, e.Place)
		}
		if len(places) == 0 {
			return nil
		}
		return put(places)
	})
}

// messages is how many.
func messages(n int) string {
	if n == 1 {
		return "1 message"
	}
	return number(n) + " messages"
}

// outcomes says what came of a number of messages.
func outcomes(back, there, gone int) string {
	text := messages(back) + " are back"
	if back == 1 {
		text = "1 message is back"
	}
	switch {
	case there == 1:
		text += ", 1 was there already"
	case there > 1:
		text += ", " + number(there) + " were there already"
	}
	if gone > 0 {
		text += ", " + number(gone) + " can't be brought back any more"
	}
	return text
}

// undoMailbox is "undo mailbox".
func undoMailbox(ctx context.Context, t *task) error {
	if t.flags.asOf == "" && (t.flags.inPlace || t.flags.folder != "") {
		return fmt.Errorf("%w: --in-place and --folder belong to --as-of", errUsage)
	}
	return t.ofPerson(ctx, func(_ place, d deleted) error {
		id, err := findFolder(ctx, d, t.args[1], t.flags.asOf == "")
		if err != nil {
			return err
		}
		if t.flags.asOf != "" {
			return t.restoreAsOf(ctx, d, id)
		}
		living, err := d.Mailboxes(ctx)
		if err != nil {
			return err
		}
		if i := slices.IndexFunc(living, func(m mail.Mailbox) bool { return m.ID == id }); i >= 0 {
			fmt.Fprintf(t.Out, "%s is not deleted, and has %s; with --as-of it can be had as it was at another time\n", shown(living[i].Name), messages(int(living[i].Total)))
			return nil
		}
		back, err := d.RestoreMailbox(ctx, id)
		if err != nil {
			return err
		}
		for _, m := range back {
			fmt.Fprintf(t.Out, "%s is back, %s\n", shown(m.Name), messages(int(m.Total)))
		}
		return nil
	})
}

// restoreAsOf puts a folder, or everything, back as it was.
func (t *task) restoreAsOf(ctx context.Context, d deleted, mailbox mail.MailboxID) error {
	at, err := parseWhen(t.flags.asOf, time.Now())
	switch {
	case err != nil:
		return err
	case at.After(time.Now()):
		return fmt.Errorf("%w: %s is still to come", errUsage, moment(at))
	case t.flags.inPlace && t.flags.folder != "":
		return fmt.Errorf("%w: give --in-place or --folder, not both", errUsage)
	}
	at = at.Local() // the folder's name has it too
	show := newProgress(t.Err, "looked at")
	done, err := d.RestoreAsOf(ctx, mail.AsOf{At: at, Mailbox: mailbox, InPlace: t.flags.inPlace, Folder: t.flags.folder}, func(p mail.Progress) {
		if !p.Reading {
			show.say(int(p.Done), int(p.Total), 0)
		}
	})
	show.end()
	if done.Mailboxes > 0 {
		text := outcomes(done.Back, done.There, done.Gone)
		if done.Flagged > 0 {
			text += ", " + number(done.Flagged) + " of these marked as they were"
		}
		where := " in " + counted(done.Mailboxes, "folder", "folders")
		if done.Folder != "" {
			where = " in the folder " + shown(done.Folder)
		}
		fmt.Fprintf(t.Out, "As of %s: %s%s\n", moment(at), text, where)
	}
	switch {
	case errors.Is(err, mail.ErrGone):
		return fmt.Errorf("%s is too long ago: some of what was there then has gone for good, as deleted mail is kept for a time only. "+
			"Choose a later time; boxctl undo list shows what can still be put back", moment(at))
	case errors.Is(err, mail.ErrNoMailbox) && mailbox == 0:
		return fmt.Errorf("at %s this person had no mail here yet: choose a later time", moment(at))
	case errors.Is(err, mail.ErrNoMailbox):
		return fmt.Errorf("at %s there was no such folder: choose another time; boxctl undo list shows the deleted ones", moment(at))
	case errors.Is(err, context.Canceled):
		return errors.New("stopped. What is back stays; run the same command again to go on")
	case err == nil && done.Gone > 0:
		return errNotAll
	}
	return err
}

// undoAccount is "undo account".
func undoAccount(ctx context.Context, t *task) error {
	f := &t.flags
	if f.asOf != "" {
		if f.address != "" || f.newPassword {
			return fmt.Errorf("%w: --address and --new-password are for somebody who was removed, without --as-of", errUsage)
		}
		return t.ofPerson(ctx, func(_ place, d deleted) error { return t.restoreAsOf(ctx, d, 0) })
	}
	if f.inPlace || f.folder != "" {
		return fmt.Errorf("%w: --in-place and --folder belong to --as-of", errUsage)
	}
	address, err := t.address()
	if err != nil {
		return err
	}
	var other mail.Address
	if f.address != "" {
		if other, err = mail.ParseAddress(f.address); err != nil {
			return fmt.Errorf("%w: %q is not a mail address", errUsage, f.address)
		}
	}
	return t.at(ctx, func(p place) error { return t.restorePerson(ctx, p, address, other) })
}

// restorePerson brings the person back who had the address last.
func (t *task) restorePerson(ctx context.Context, p place, address, other mail.Address) error {
	list, err := p.removed(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b mail.RemovedAccount) int { return b.At.Compare(a.At) })
	i := slices.IndexFunc(list, func(r mail.RemovedAccount) bool { return r.Address.Canonical() == address.Canonical() })
	if i < 0 {
		return errors.New("nobody with this address was removed who could be brought back: boxctl undo list shows who can")
	}
	password := ""
	if t.flags.newPassword || other != (mail.Address{}) {
		now := address
		if other != (mail.Address{}) {
			now = other
		}
		if password, err = t.newPassword(ctx, now); err != nil {
			return err
		}
	}
	back, err := p.restoreAccount(ctx, list[i].ID, other, password)
	switch {
	case errors.Is(err, mail.ErrPasswordNeeded):
		return errors.New("the password of before is not known any more: run the command again with --new-password")
	case errors.Is(err, mail.ErrAddressTaken):
		return errors.New("somebody else has this address now: give another one with --address")
	case err != nil:
		return err
	}
	with := "with the password of before"
	if password != "" {
		with = "with a new password"
	}
	fmt.Fprintf(t.Out, "%s is back with all mail, %s\n", back.Address, with)
	return nil
}
