package sharing

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sanduk-mail/sanduk/services/draft"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestNobodyGetsMore: whatever somebody tries with whatever mailbox or name, it is done
// only where the rights are there, and leaves everything else as it was. What the rights
// are is worked out here from the grants alone.
func TestNobodyGetsMore(t *testing.T) {
	t.Parallel()
	for range 4 {
		seed := rand.Uint64()
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			tryEverything(t, rand.New(rand.NewPCG(seed, 0)), 400)
		})
	}
}

// trier is the random test under way.
type trier struct {
	*office
	random   *rand.Rand
	accounts map[mail.AccountID]*Account
}

func tryEverything(t *testing.T, random *rand.Rand, steps int) {
	o := &trier{newOffice(t, 1, 2, 3), random, map[mail.AccountID]*Account{}}
	for id := mail.AccountID(1); id <= 3; id++ {
		o.accounts[id] = o.open(id)
		for _, name := range []string{"P", "P/a", "P/a/b"} {
			_, err := o.accounts[id].CreateMailbox(o.ctx, name, mail.RoleNone)
			o.ok(err)
			o.fill(id, name, mail.NewFlags(fmt.Sprintf("of%d", id)), 2)
		}
		o.fill(id, "INBOX", mail.Flags{}, 2)
	}
	for range steps {
		if random.IntN(3) == 0 {
			o.shuffleGrants()
			continue
		}
		o.step()
	}
	o.lists()
}

// boxes are all mailboxes of an account by number.
func (o *trier) boxes(id mail.AccountID) []mail.Mailbox {
	a, err := o.store.Account(o.ctx, id)
	o.ok(err)
	list, err := a.Mailboxes(o.ctx)
	o.ok(err)
	return list
}

func (o *trier) someone() mail.AccountID { return mail.AccountID(1 + o.random.IntN(3)) }

// someBox is a mailbox of somebody, sometimes one that there is not.
func (o *trier) someBox() (mail.AccountID, mail.Mailbox) {
	owner := o.someone()
	list := o.boxes(owner)
	m := list[o.random.IntN(len(list))]
	if o.random.IntN(12) == 0 {
		m = mail.Mailbox{ID: mail.MailboxID(o.random.IntN(60)), Name: "None"}
	}
	return owner, m
}

func (o *trier) shuffleGrants() {
	owner, m := o.someBox()
	to := mail.AccountID(o.random.IntN(4))
	if to == owner || m.Name == "None" { // nothing is promised of what is to come
		return
	}
	rights := mail.Rights(o.random.IntN(int(mail.AllRights) + 1))
	if o.random.IntN(3) == 0 {
		rights = 0
	}
	o.ok(o.book.SetShares(o.ctx, 0, []mail.Share{{Owner: owner, Mailbox: m.ID, To: to, Rights: rights}}))
}

// rights is the model: what is granted of a mailbox that is there.
func (o *trier) rights(owner mail.AccountID, id mail.MailboxID, who mail.AccountID) mail.Rights {
	if !slices.ContainsFunc(o.boxes(owner), func(m mail.Mailbox) bool { return m.ID == id }) {
		return 0
	}
	if owner == who {
		return mail.AllRights
	}
	var r mail.Rights
	for s := range o.book.given {
		if s.Owner == owner && s.Mailbox == id && (s.To == who || s.To == 0) {
			r |= s.Rights
		}
	}
	return r
}

// all is everything that every account has, mailbox by mailbox.
func (o *trier) all() map[string]string {
	state := map[string]string{}
	for id := range o.accounts {
		a, err := o.store.Account(o.ctx, id)
		o.ok(err)
		names, err := a.Subscriptions(o.ctx)
		o.ok(err)
		state[fmt.Sprint(id)] = strings.Join(names, "\n")
		for _, m := range o.boxes(id) {
			text := fmt.Sprintln(m.Name, m.UIDValidity, m.Annotations)
			for _, row := range o.rows(ranked{a}, m.ID) {
				text += fmt.Sprintln(row.UID, row.Flags, row.Email)
			}
			state[fmt.Sprint(id, " ", m.ID)] = text
		}
	}
	for s := range o.book.given {
		state[fmt.Sprint("grants ", s.Owner, " ", s.Mailbox)] += fmt.Sprint(s.To, " ", uint16(s.Rights), "\n")
	}
	for key, text := range state {
		if strings.HasPrefix(key, "grants") {
			lines := strings.Split(text, "\n")
			slices.Sort(lines)
			state[key] = strings.Join(lines, "\n")
		}
	}
	return state
}

// step has somebody try one thing, and compares.
func (o *trier) step() {
	o.Helper()
	who := o.someone()
	owner, m := o.someBox()
	targetOwner, target := o.someBox()
	has, hasTarget := o.rights(owner, m.ID, who), o.rights(targetOwner, target.ID, who)
	a := o.accounts[who]
	number := func(owner mail.AccountID, m mail.Mailbox) mail.MailboxID {
		if owner == who && o.random.IntN(8) > 0 {
			return m.ID
		}
		return others(owner, m.ID)
	}
	id, to := number(owner, m), number(targetOwner, target)
	// One's own mailboxes have one number: by the other they are not there.
	if owner == who && a.Foreign(id) {
		has = 0
	}
	if targetOwner == who && a.Foreign(to) {
		hasTarget = 0
	}
	before := o.all()
	what, allowed, err := o.try(a, id, to, m, target, has, hasTarget, owner == targetOwner)
	after := o.all()
	if !allowed && err == nil {
		o.Errorf("account %d did what it may not: %s in %d of %d with %q (target %d of %d with %q)", who, what, m.ID, owner, has, target.ID, targetOwner, hasTarget)
	}
	if err != nil && !allowed && !refused(err) {
		o.Errorf("%s: %v", what, err)
	}
	for key := range merged(before, after) {
		if before[key] == after[key] {
			continue
		}
		touched := []string{fmt.Sprint(owner, " ", m.ID), fmt.Sprint(targetOwner, " ", target.ID)}
		ofOwn := strings.HasPrefix(key, fmt.Sprint(who)) // names on one's own list, what an own rename takes along
		made := what == "create" && allowed || what == "rename" && allowed
		if err != nil || !allowed || !ofOwn && !made && !slices.Contains(touched, strings.TrimPrefix(key, "grants ")) {
			o.Errorf("account %d has changed %s by %s with %q and %q (%v):\n%s\nbecame\n%s", who, key, what, has, hasTarget, err, before[key], after[key])
		}
	}
}

func refused(err error) bool {
	for _, want := range []error{mail.ErrNoRight, mail.ErrNoMailbox, mail.ErrMailboxInUse, mail.ErrMailboxName, mail.ErrMailboxExists} {
		if errors.Is(err, want) {
			return true
		}
	}
	return false
}

func merged(x, y map[string]string) map[string]string {
	all := maps.Clone(x)
	maps.Copy(all, y)
	return all
}

// try does one thing with a mailbox, and says whether the rights allow it.
func (o *trier) try(a *Account, id, to mail.MailboxID, m, target mail.Mailbox, has, hasTarget mail.Rights, same bool) (what string, allowed bool, err error) {
	var errs []error
	set := mail.UIDSet{{First: 1, Last: mail.UID(1 + o.random.IntN(3))}}
	switch o.random.IntN(16) {
	case 0:
		_, _, err = a.UIDs(o.ctx, id)
		return "UIDs", has.Has(mail.RightRead), err
	case 1:
		n := 0
		for _, err := range a.Rows(o.ctx, id, every()) {
			if err != nil {
				errs = append(errs, err)
			} else {
				n++
			}
		}
		if len(errs) > 0 && n > 0 {
			o.Errorf("%d rows and then %v", n, errs)
		}
		return "Rows", has.Has(mail.RightRead), errors.Join(errs...)
	case 2:
		for _, err := range a.Summaries(o.ctx, id, every()) {
			errs = append(errs, err)
		}
		return "Summaries", has.Has(mail.RightRead) || len(errs) == 0, errors.Join(errs...)
	case 3:
		var opened interface{ Close() error }
		if opened, err = a.Open(o.ctx, id, 1); err == nil {
			opened.Close()
		}
		if errors.Is(err, mail.ErrNoMessage) && has.Has(mail.RightRead) {
			err = nil
		}
		return "Open", has.Has(mail.RightRead), err
	case 4:
		_, err = a.Append(o.ctx, id, o.message(mail.NewFlags(`\Seen`, "new"), "Subject: x\r\n\r\nx\r\n"))
		return "Append", has.Has(mail.RightInsert), err
	case 5:
		flags := []mail.Flags{mail.NewFlags(`\Seen`), mail.NewFlags(`\Deleted`), mail.NewFlags(`\Flagged`), mail.NewFlags("word")}
		need := []mail.Rights{mail.RightSeen, mail.RightDeleteMessages, mail.RightWrite, mail.RightWrite}
		i := o.random.IntN(len(flags))
		_, err = a.SetFlags(o.ctx, id, set, mail.FlagOp(1+o.random.IntN(2)), flags[i], nil)
		return "SetFlags", has.Has(mail.RightRead | need[i]), err
	case 6:
		_, err = a.Copy(o.ctx, id, set, to)
		return "Copy", has.Has(mail.RightRead) && hasTarget.Has(mail.RightInsert), err
	case 7:
		_, err = a.Move(o.ctx, id, set, to)
		return "Move", has.Has(mail.RightRead|mail.RightDeleteMessages|mail.RightExpunge) && hasTarget.Has(mail.RightInsert), err
	case 8:
		_, err = a.Expunge(o.ctx, id, set, true)
		return "Expunge", has.Has(mail.RightExpunge), err
	case 9:
		_, err = a.Search(o.ctx, id, mail.Text{Text: "of"})
		return "Search", has.Has(mail.RightRead), err
	case 10:
		changes, err := a.Changes(o.ctx, id, 0)
		if changes.Gone && len(changes.Rows) == 0 {
			err = errors.Join(err, mail.ErrNoMailbox) // deleted: what a session is told that had it open
		}
		return "Changes", has.Has(mail.RightRead), err
	case 11:
		err = a.Annotate(o.ctx, id, []mail.Annotation{{Name: "/shared/comment", Value: fmt.Sprint(o.random.IntN(100))}})
		return "Annotate", has.Has(mail.RightRead | mail.RightWrite), err
	case 12:
		if o.random.IntN(4) > 0 {
			return "nothing", true, nil
		}
		err = a.DeleteMailbox(o.ctx, id)
		return "Delete", has.Has(mail.RightDeleteMailbox), err
	case 13:
		err = a.Grant(o.ctx, id, mail.Grant{ID: string(rune('a' + o.random.IntN(3))), Rights: mail.Rights(o.random.IntN(int(mail.AllRights)))})
		return "Grant", has.Has(mail.RightAdminister), err
	case 14:
		m, found := a.MailboxByID(o.ctx, id)
		if found == nil && !has.Has(mail.RightRead) && (m.Total != 0 || m.Size != 0 || m.HighestModSeq != 0 || m.Annotations.Size() != 0) {
			o.Errorf("without r there is to see %+v", m)
		}
		return "MailboxByID", has != 0, found
	default:
		_, _, _, err = a.QuotaOf(o.ctx, id)
		return "QuotaOf", has.Has(mail.RightRead), err
	}
}

// lists compares what everybody is shown with the model, and by name what is found.
func (o *trier) lists() {
	for who, a := range o.accounts {
		list, err := a.Mailboxes(o.ctx)
		o.ok(err)
		got := map[mail.MailboxID]string{}
		for _, m := range list {
			got[m.ID] = m.Name
		}
		want := map[mail.MailboxID]string{}
		for owner := range o.accounts {
			for _, m := range o.boxes(owner) {
				name := m.Name
				id := m.ID
				if owner != who {
					name, id = fmt.Sprintf("Other Users/%c@x.test/%s", rune('a'+owner-1), m.Name), others(owner, m.ID)
				}
				has := o.rights(owner, m.ID, who)
				if has.Has(mail.RightLookup) {
					want[id] = name
				}
				found, err := a.Mailbox(o.ctx, name)
				if (err == nil) != (has != 0) || err == nil && found.ID != id {
					o.Errorf("account %d with %q finds %s: %+v, %v", who, has, name, found, err)
				}
				for _, made := range []string{name + "/sub", strings.Replace(name, m.Name, "Top"+m.Name, 1)} {
					made, err := a.CreateMailbox(o.ctx, made, mail.RoleNone)
					if owner == who {
						o.ok(err)
					} else if below := strings.HasSuffix(made.Name, "/sub"); err == nil && (!below || !has.Has(mail.RightCreate)) {
						o.Errorf("account %d has made %s with %q", who, made.Name, has)
					}
					if err == nil {
						o.ok(o.accounts[owner].DeleteMailbox(o.ctx, made.ID&(1<<ownBits-1)))
					}
				}
			}
		}
		if !maps.Equal(got, want) {
			o.Errorf("account %d sees\n%v; want\n%v", who, got, want)
		}
	}
}

// TestTakenAway: once a right was taken away nothing that begins later gets through,
// however much is under way, and a reading that has begun ends.
func TestTakenAway(t *testing.T) {
	t.Parallel()
	o := newOffice(t, 1, 2)
	o.fill(1, "INBOX", mail.Flags{}, 2*rowsPerAsking)
	id := o.give(1, "INBOX", 2, "lrswite")
	b := o.open(2)
	n := 0
	for _, err := range b.Rows(o.ctx, id, every()) {
		if err != nil {
			o.want("a reading under way", err, mail.ErrNoMailbox)
			break
		}
		if n++; n == 10 {
			o.give(1, "INBOX", 2, "")
		}
	}
	if n > rowsPerAsking {
		t.Errorf("%d messages were read", n)
	}
	for range 50 {
		o.give(1, "INBOX", 2, "lrswite")
		var busy sync.WaitGroup
		for range 3 {
			busy.Go(func() {
				_, _ = b.SetFlags(o.ctx, id, mail.SetOf[mail.UID](1), mail.FlagsAdd, mail.NewFlags(`\Seen`), nil)
				_, _ = b.Search(o.ctx, id, mail.And{})
				for range b.Rows(o.ctx, id, mail.SetOf[mail.UID](1, 2)) {
				}
			})
		}
		o.give(1, "INBOX", 2, "l")
		_, err := b.SetFlags(o.ctx, id, every(), mail.FlagsAdd, mail.NewFlags("late"), nil)
		o.want("flags after that", err, mail.ErrNoRight)
		_, _, err = b.UIDs(o.ctx, id)
		o.want("reading after that", err, mail.ErrNoRight)
		busy.Wait()
	}
	for _, row := range o.rows(o.open(1), o.mailbox(1, "INBOX")) {
		if row.Flags.HasKeyword("late") {
			t.Fatalf("message %d has been changed", row.UID)
		}
	}
}

// TestCopyIsCut: a right that ends within a long copy ends it, and takes back what had
// come.
func TestCopyIsCut(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"INBOX", "Archive", "e"} {
		o := newOffice(t, 1, 2, 3)
		o.fill(1, "INBOX", mail.Flags{}, 3*batchMessages)
		from, to := o.give(1, "INBOX", 2, "lrte"), o.give(3, "Archive", 2, "lri")
		drafts := 0
		make := o.shares.opt.Draft
		o.shares.opt.Draft = func(limit int64) *draft.Draft {
			if drafts++; drafts == 2*batchMessages {
				switch end {
				case "INBOX":
					o.give(1, "INBOX", 2, "l")
				case "Archive":
					o.give(3, "Archive", 2, "l")
				default: // it may be read to the end, and not be taken away then
					o.give(1, "INBOX", 2, "lrt")
				}
			}
			return make(limit)
		}
		_, err := o.open(2).Move(o.ctx, from, every(), to)
		o.want("a copy whose right has ended", err, mail.ErrNoRight)
		if got := len(o.rows(o.open(3), o.mailbox(3, "Archive"))); got != 0 {
			t.Errorf("%d messages have stayed there", got)
		}
		if got := len(o.rows(o.open(1), o.mailbox(1, "INBOX"))); got != 3*batchMessages {
			t.Errorf("%d messages are left here", got)
		}
	}
}
