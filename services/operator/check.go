package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/store"
)

// errFound says that check found something; the report has been printed.
var errFound = errors.New("the data directory is not as it should be. Keep a copy of it before anything else")

// check reads everything and reports.
func check(ctx context.Context, t *task) error {
	return t.atData(ctx, func(d *data) error {
		people, err := d.directory.Check(ctx)
		if err != nil {
			return err
		}
		most := store.MaxProblems
		if t.flags.all {
			most = math.MaxInt
		}
		post, err := d.store.CheckListing(ctx, most)
		if err != nil {
			return err
		}
		q, err := d.openQueue(ctx)
		if err != nil {
			return err
		}
		waiting, err := q.Check(ctx)
		if err != nil {
			return err
		}
		if t.flags.deep {
			if post.Damage, err = d.journal.Scrub(ctx); err != nil {
				return err
			}
		}
		addresses, err := d.addresses(ctx)
		if err != nil {
			return err
		}
		t.say("people:    %s, %s removed, %s", counted(people.Accounts, "person", "people"), number(people.Removed), counted(people.Tokens, "token", "tokens"))
		t.say("mail:      %s in %s of %s; read %s", messages(post.Messages), counted(post.Mailboxes, "folder", "folders"), counted(post.Accounts, "person", "people"), size(post.Bytes))
		if waiting.Items > 0 {
			t.say("waiting:   %s on the way out", counted(waiting.Items, "message", "messages"))
		}
		for _, left := range people.Unsigned {
			t.say("signing:   mail from %s is not signed by the box: that is left to its provider", left)
		}
		name := func(id mail.AccountID) string { return cmp.Or(addresses[id], "removed account "+id.String()) }
		t.reportMended(&d.mended, name)
		if len(post.Uncompared) > 0 {
			t.say("not done:  the index of %s was not compared with the log: there is no room on the disk for a second one. All else was checked.\n"+
				"→ Make room, as much as mail/accounts takes up, or check a copy on a larger disk.", listed(post.Uncompared, name))
		}
		if len(post.Unready) > 0 {
			t.say("not done:  the mail of %s was not checked: its index is lost, and there is no room on the disk to make it anew. The log has everything.\n"+
				"→ Make room, as much as mail/accounts takes up, or check a copy on a larger disk.", listed(post.Unready, name))
		}
		if len(people.Problems) == 0 && post.OK() && len(waiting.Problems) == 0 {
			fmt.Fprintln(t.Out, "All is well")
			return nil
		}
		f := findings{people: people, post: post, name: name, missing: d.journal.Missing}
		f.sum()
		t.report(&f)
		t.reportWaiting(waiting)
		return errFound
	})
}

// addresses are those of the people who are there, by account.
func (d *data) addresses(ctx context.Context) (map[mail.AccountID]string, error) {
	people, err := d.people(ctx)
	if err != nil {
		return nil, err
	}
	addresses := map[mail.AccountID]string{}
	for _, a := range people {
		addresses[a.ID] = a.Address.String()
	}
	return addresses, nil
}

// findings are what check has found, and what that comes to.
type findings struct {
	people  directory.Report
	post    store.Report
	name    func(mail.AccountID) string
	missing func(uint32) bool // whether a file of the log is not there

	lost   bool             // in the log
	index  []mail.AccountID // whose index is wrong, and nothing else
	remade []mail.AccountID // whose index is made from what is left
}

// sum goes through the problems of the mail.
func (f *findings) sum() {
	f.lost = len(f.post.Damage) > 0 || len(f.post.Gone) > 0
	for _, p := range f.post.Problems {
		f.lost = f.lost || p.Lost
		switch {
		case p.Remade && !slices.Contains(f.remade, p.Account):
			f.remade = append(f.remade, p.Account)
		case !p.Lost && !slices.Contains(f.index, p.Account):
			f.index = append(f.index, p.Account)
		}
	}
}

// report says first, in a few lines, what is wrong and what to do about it, and then
// lists everything.
func (t *task) report(f *findings) {
	t.summary(f)
	t.advice(f)
	details := f.details()
	hidden := f.post.Omitted
	if most := maxDetails; !t.flags.all && len(details) > most {
		hidden += len(details) - most
		details = details[:most]
	}
	if len(details) > 0 {
		t.say("In detail:")
	}
	for _, line := range details {
		t.say("%s", line)
	}
	if hidden > 0 {
		t.say("and %s more: boxctl check --data %s --all lists them", number(hidden), t.flags.data)
	}
}

// maxDetails are listed when not all are asked for: a screen of them.
const maxDetails = 20

// summary says what is wrong, by files and people.
func (t *task) summary(f *findings) {
	if n := len(f.people.Problems); n > 0 {
		t.say("found:     the list of people is not as it should be, in %s", counted(n, "place", "places"))
	}
	for _, file := range slices.Sorted(maps.Keys(f.post.Gone)) {
		t.say("found:     file mail/log/%08d.seg is missing or can't be read, with %s", file, f.messagesOf(f.post.Gone[file]))
	}
	if len(f.post.Unreadable) > 0 && (len(f.post.Gone) != 1 || f.elsewhere()) {
		t.say("found:     in all, what can't be read any more: %s", f.messagesOf(f.post.Unreadable))
	}
	if n := len(f.post.Damage); n > 0 {
		t.say("found:     the log is damaged in %s: no index can be made anew from what was there", counted(n, "place", "places"))
	}
	switch {
	case len(f.index) > 0 && f.lost:
		t.say("found:     the index of %s says more, or something else, than what is left of the log", listed(f.index, f.name))
	case len(f.index) > 0:
		t.say("found:     the index of %s does not say the same as the log", listed(f.index, f.name))
	}
	if len(f.remade) > 0 {
		t.say("found:     the index of %s is already made from what is left of the log", listed(f.remade, f.name))
	}
}

// elsewhere reports whether messages can't be read that are not in files that are gone.
func (f *findings) elsewhere() bool {
	n := 0
	for _, of := range f.post.Gone {
		for _, messages := range of {
			n -= messages
		}
	}
	for _, messages := range f.post.Unreadable {
		n += messages
	}
	return n > 0
}

// messagesOf says how many messages of whom.
func (f *findings) messagesOf(of map[mail.AccountID]int) string {
	ids := slices.SortedFunc(maps.Keys(of), func(a, b mail.AccountID) int { return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b)) })
	var list []string
	for _, id := range ids[:min(len(ids), maxListed)] {
		list = append(list, fmt.Sprintf("%s of %s", messages(of[id]), f.name(id)))
	}
	rest := 0
	for _, id := range ids[len(list):] {
		rest += of[id]
	}
	if rest > 0 {
		list = append(list, fmt.Sprintf("%s of %s more", messages(rest), counted(len(ids)-maxListed, "person", "people")))
	}
	return strings.Join(list, ", ")
}

// maxListed people are named in one line.
const maxListed = 10

// listed names people.
func listed(ids []mail.AccountID, name func(mail.AccountID) string) string {
	var list []string
	for _, id := range ids[:min(len(ids), maxListed)] {
		list = append(list, name(id))
	}
	text := strings.Join(list, ", ")
	if n := len(ids) - len(list); n > 0 {
		text += " and " + number(n) + " more"
	}
	return text
}

// advice says what to do.
func (t *task) advice(f *findings) {
	switch wrong := len(f.people.Problems) > f.people.Locked; {
	case wrong && f.lost:
		t.say("→ The list of people has what is lost in the log: leave mail/directory.db where it is, and keep a copy of it. If somebody is missing, add them\n" +
			"  again (boxctl user add), and put the rest back from a backup.")
	case wrong:
		t.say("→ The list of people does not fit the log. Keep a copy of the data directory, then take mail/directory.db away: it is made anew from the log.")
	}
	if f.people.Locked > 0 {
		t.say("→ Put private/box.key back from a backup of this box, or give these people new passwords (boxctl user passwd).")
	}
	switch {
	case !f.lost && len(f.index) > 0:
		t.say("→ The index of %s does not fit the log. The log has everything: boxctl rebuild --data %s makes the index anew, and nothing is lost.",
			listed(f.index, f.name), t.flags.data)
	case f.lost:
		t.say("→ The disk does not give back what was written to it. What is named here is lost on this disk, the rest is whole. Copy the data directory to\n"+
			"  another disk, put these messages back from a backup (boxctl import), and replace the disk. boxctl dump --data %s shows the log.", t.flags.data)
	}
	switch {
	case !f.lost:
	case len(f.remade) > 0:
		t.say("→ The indexes were made anew from what is left, and there is nothing more to rebuild. Mail that comes from now on is whole. This is said as long\n" +
			"  as the damaged places are in the log.")
	default:
		t.say("  Don't use boxctl rebuild now: the indexes may still have what the log has lost.")
	}
}

// details are all problems, one in a line.
func (f *findings) details() []string {
	var list []string
	for _, p := range f.people.Problems {
		list = append(list, "problem:   "+p)
	}
	for _, d := range f.post.Damage {
		list = append(list, "damage:    "+f.damageText(d))
	}
	for _, p := range f.post.Problems {
		if !p.Remade {
			list = append(list, fmt.Sprintf("problem:   %s: %s", f.name(p.Account), p.Text))
		}
	}
	return list
}

// say prints one line.
func (t *task) say(format string, args ...any) { fmt.Fprintf(t.Out, format+"\n", args...) }

// endBytes is what the end of a file that is whole has at most behind its last record.
const endBytes = 64

func (f *findings) damageText(d journal.Damage) string {
	switch {
	case d.Segment == 0:
		return "file mail/ring/commit.ring is not what was written: what was acknowledged in the last moments before the box stopped may be missing (it is kept as commit.ring.damaged)"
	case d.LSN != 0 && d.Length <= endBytes && f.missing(d.Segment+1):
		return fmt.Sprintf("file mail/log/%08d.seg is missing", d.Segment+1)
	case d.LSN != 0 && d.Length <= endBytes:
		return fmt.Sprintf("what followed the end of file mail/log/%08d.seg is missing", d.Segment)
	}
	return fmt.Sprintf("file mail/log/%08d.seg has %d bytes at offset %d that are not what was written", d.Segment, d.Length, d.Offset)
}
