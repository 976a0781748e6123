package store

import (
	"fmt"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Described is a record of family store in words.
type Described struct {
	Verb     string             `json:"verb"`
	Accounts []DescribedAccount `json:"accounts"`
}

// DescribedAccount is what a record does to one account.
type DescribedAccount struct {
	Account mail.AccountID `json:"account"`
	ModSeq  mail.ModSeq    `json:"modseq"`
	Ops     []DescribedOp  `json:"ops"`
}

// DescribedOp is one thing done. Fields that don't belong to it are zero.
type DescribedOp struct {
	Op       string           `json:"op"`
	Mailbox  string           `json:"mailbox,omitempty"` // its ID, as in "m5"
	From     string           `json:"from,omitempty"`    // likewise
	Name     string           `json:"name,omitempty"`
	Names    []string         `json:"names,omitempty"` // of all annotations; their values are people's own words
	Role     string           `json:"role,omitempty"`
	Validity mail.UIDValidity `json:"uidvalidity,omitempty"`
	UIDs     string           `json:"uids,omitempty"`  // a set, as "1:3,7"
	First    mail.UID         `json:"first,omitempty"` // the UID of the first that is made
	Count    int              `json:"count,omitempty"` // of those that are made
	Flags    []string         `json:"flags,omitempty"`
	Email    string           `json:"email,omitempty"`
	Thread   string           `json:"thread,omitempty"`
	Body     string           `json:"body,omitempty"` // segment/ordinal
	Size     int64            `json:"size,omitempty"` // of the body, in bytes
	Prefix   string           `json:"prefix,omitempty"`
	Internal time.Time        `json:"internal,omitzero"`
	ID       string           `json:"id,omitempty"`
	// Until is the ModSeq up to which what was taken away is gone for good, and
	// Mailboxes are those that go with it.
	Until     mail.ModSeq `json:"until,omitempty"`
	Mailboxes []string    `json:"mailboxes,omitempty"`
	Other     string      `json:"other,omitempty"` // of ops that have no words here
}

// Describe says what a record does. It is for people who look for what happened;
// the words are not a format. The error says that the record is damaged, or of a
// later version.
func Describe(r journal.Record) (Described, error) {
	d := Described{Verb: verb(r.Type).String()}
	c, err := decodeChange(r.Payload)
	if err != nil {
		return d, err
	}
	for _, s := range c {
		a := DescribedAccount{Account: s.account, ModSeq: s.modSeq}
		for _, o := range s.ops {
			a.Ops = append(a.Ops, describeOp(o))
		}
		d.Accounts = append(d.Accounts, a)
	}
	return d, nil
}

// String is the verb's name.
func (v verb) String() string {
	names := map[verb]string{
		verbAccountCreate: "create account", verbAccountRemove: "remove account", verbMailboxCreate: "create mailbox", verbMailboxRename: "rename mailbox",
		verbMailboxDelete: "delete mailbox", verbSubscribe: "subscribe", verbAnnotate: "annotate", verbDeliver: "deliver", verbAppend: "append", verbFlags: "set flags",
		verbCopy: "copy", verbMove: "move", verbExpunge: "expunge",
		verbRestore: "restore", verbRestoreMailbox: "restore mailbox", verbRestoreAccount: "restore account",
		verbRestoreAsOf: "restore as of a time", verbExpire: "expire", verbSnapshot: "snapshot",
	}
	if name, ok := names[v]; ok {
		return name
	}
	return fmt.Sprintf("verb %d", uint8(v))
}

func describeOp(o op) DescribedOp {
	switch o := o.(type) {
	case createAccount:
		return DescribedOp{Op: "create account"}
	case removeAccount:
		return DescribedOp{Op: "remove account"}
	case createMailbox:
		return DescribedOp{Op: "create mailbox", Mailbox: o.id.String(), Name: o.name, Role: o.role.Attribute(), Validity: o.validity}
	case renameMailbox:
		return DescribedOp{Op: "rename mailbox", Mailbox: o.id.String(), Name: o.name}
	case deleteMailbox:
		return DescribedOp{Op: "delete mailbox", Mailbox: o.id.String()}
	case subscribe:
		if !o.on {
			return DescribedOp{Op: "unsubscribe", Name: o.name}
		}
		return DescribedOp{Op: "subscribe", Name: o.name}
	case annotate:
		var names []string
		for name := range o.notes.All() {
			names = append(names, name)
		}
		return DescribedOp{Op: "annotate", Mailbox: o.id.String(), Names: names}
	case *add:
		return DescribedOp{
			Op: "add", Mailbox: o.mailbox.String(), UIDs: fmt.Sprint(o.uid), Flags: o.flags.Names(), Email: o.email.String(), Thread: o.thread.String(),
			Body: o.body.String(), Size: o.bodySize, Prefix: string(o.prefix), Internal: unpackTime(o.when).UTC(), ID: o.id.String(),
		}
	case setFlags:
		return DescribedOp{Op: "set flags", Mailbox: o.mailbox.String(), UIDs: o.uids.String(), Flags: o.flags.Names()}
	case copyTo:
		return DescribedOp{Op: "copy", Mailbox: o.to.String(), From: o.from.String(), UIDs: o.uids.String(), First: o.first}
	case remove:
		return DescribedOp{Op: "remove", Mailbox: o.mailbox.String(), UIDs: o.uids.String()}
	case expire:
		d := DescribedOp{Op: "expire", Until: o.until}
		for _, id := range o.boxes {
			d.Mailboxes = append(d.Mailboxes, id.String())
		}
		return d
	case putBack:
		return DescribedOp{Op: "put back", Mailbox: o.mailbox.String(), First: o.first, Count: len(o.entries)}
	case restoreMailbox:
		return DescribedOp{Op: "restore mailbox", Mailbox: o.id.String(), Name: o.name, Role: o.role.Attribute(), Validity: o.validity}
	case restoreAccount:
		return DescribedOp{Op: "restore account"}
	case snapshot:
		d := DescribedOp{Op: "snapshot", Until: o.last.modSeq, Size: o.size(), Count: int(min(o.items, 1<<31-1))}
		if len(o.parts) > 0 {
			d.Body = o.parts[0].body.String()
		}
		return d
	}
	return DescribedOp{Op: fmt.Sprintf("op %d", o.kind()), Other: fmt.Sprintf("%+v", o)}
}

// String is the op on one line.
func (o DescribedOp) String() string {
	var b strings.Builder
	b.WriteString(o.Op)
	say := func(format string, value any, known bool) {
		if known {
			fmt.Fprintf(&b, " "+format, value)
		}
	}
	say("from %s", o.From, o.From != "")
	say("%s", o.Mailbox, o.Mailbox != "")
	say("%q", o.Name, o.Name != "")
	say("%s", strings.Join(o.Names, " "), len(o.Names) > 0)
	say("%s", o.Role, o.Role != "")
	say("uidvalidity %d", o.Validity, o.Validity != 0)
	say("uid %s", o.UIDs, o.UIDs != "")
	say("from uid %d on", o.First, o.First != 0)
	say("%d messages", o.Count, o.Count != 0)
	say("flags (%s)", strings.Join(o.Flags, " "), o.Op == "add" || o.Op == "set flags")
	say("%s", o.Email, o.Email != "")
	say("%s", o.Thread, o.Thread != "")
	say("body %s", o.Body, o.Body != "")
	say("%d bytes", o.Size, o.Body != "")
	say("received %s", o.Internal.Format(time.RFC3339), !o.Internal.IsZero())
	say("id %s", o.ID, o.ID != "")
	say("prefix %q", o.Prefix, o.Prefix != "")
	say("up to modseq %d", o.Until, o.Until != 0)
	say("with mailboxes %s", strings.Join(o.Mailboxes, " "), len(o.Mailboxes) > 0)
	say("%s", o.Other, o.Other != "")
	return b.String()
}

// String is all of it on one line.
func (d Described) String() string {
	var b strings.Builder
	b.WriteString(d.Verb)
	for _, a := range d.Accounts {
		fmt.Fprintf(&b, " | %s modseq %d", a.Account, a.ModSeq)
		for i, o := range a.Ops {
			b.WriteString([]string{": ", "; "}[min(i, 1)] + o.String())
		}
	}
	return b.String()
}
