package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
		post, err := d.store.Check(ctx)
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
		name := func(id mail.AccountID) string { return cmp.Or(addresses[id], "removed account "+id.String()) }
		t.reportMended(&d.mended, name)
		t.report(people, post, name)
		if len(people.Problems) > 0 || !post.OK() {
			return errFound
		}
		fmt.Fprintln(t.Out, "All is well")
		return nil
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

// report lists what is wrong, and then what to do about it.
func (t *task) report(people directory.Report, post store.Report, name func(mail.AccountID) string) {
	for _, p := range people.Problems {
		t.say("problem:   %s", p)
	}
	var index []string // whose index is wrong
	lost := len(post.Damage) > 0
	for _, p := range post.Problems {
		who := name(p.Account)
		t.say("problem:   %s: %s", who, p.Text)
		lost = lost || p.Lost
		if !p.Lost && !slices.Contains(index, who) {
			index = append(index, who)
		}
	}
	if post.Omitted > 0 {
		t.say("problem:   and %s more", number(post.Omitted))
	}
	for _, p := range post.Damage {
		t.say("damage:    %s", damageText(p))
	}
	if len(people.Problems) > people.Locked {
		t.say("→ The list of people does not fit the log. Keep a copy of the data directory, then take mail/directory.db away: it is made anew from the log.\n" +
			"  If the log itself is damaged, add who is missing again (boxctl user add), and put the rest back from a backup.")
	}
	if people.Locked > 0 {
		t.say("→ Put private/box.key back from a backup of this box, or give these people new passwords (boxctl user passwd).")
	}
	if len(index) > 0 && !lost {
		t.say("→ The index of %s does not fit the log. The log has everything: boxctl rebuild --data %s makes the index anew, and nothing is lost.",
			strings.Join(index, ", "), t.flags.data)
	}
	if lost {
		t.say("→ The disk does not give back what was written to it. What is named here is lost on this disk, the rest is whole. Copy the data directory to\n"+
			"  another disk, put these messages back from a backup (boxctl import), and replace the disk. boxctl dump --data %s shows the log.\n"+
			"  Don't use boxctl rebuild now: the indexes may still have what the log has lost.", t.flags.data)
	}
}

// say prints one line.
func (t *task) say(format string, args ...any) { fmt.Fprintf(t.Out, format+"\n", args...) }

func damageText(d journal.Damage) string {
	if d.Segment == 0 {
		return "file ring/commit.ring is not what was written: what was acknowledged in the last moments before the box stopped may be missing (it is kept as commit.ring.damaged)"
	}
	text := fmt.Sprintf("file log/%08d.seg has %d bytes at offset %d that are not what was written", d.Segment, d.Length, d.Offset)
	if d.LSN != 0 {
		text += fmt.Sprintf(", from record %d on", d.LSN)
	}
	return text
}
