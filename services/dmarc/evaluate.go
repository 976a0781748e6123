package dmarc

import (
	"context"
	"fmt"
)

// Word is a result in the words of RFC 8601 §2.7 and RFC 9989 §9.
type Word string

// The words.
const (
	None      Word = "none"
	Pass      Word = "pass"
	Fail      Word = "fail"
	TempError Word = "temperror"
	PermError Word = "permerror"
)

// Evidence is what is known of a message.
type Evidence struct {
	From string   // the domain of its author (From)
	SPF  string   // the domain for which SPF has passed; "" if for none
	DKIM []string // the domains whose signatures hold
	// Uncertain says that SPF or DKIM could not be found out just now, so that what
	// is not proven may still be true.
	Uncertain bool
}

// Verdict is what DMARC says of a message.
type Verdict struct {
	Word   Word
	Reason string // for people, one sentence
	Found  Found
	// Policy is what the owner wants done with this message: Monitor when it
	// passes, or when the owner is only testing.
	Policy      Policy
	SPFAligned  bool
	DKIMAligned bool
	Cause       error // of a temporary error, for the log
}

// maxAligned is how many domains are asked about for one message.
const maxAligned = 10

// Evaluate judges a message (RFC 9989 §4.5, §5.3).
func Evaluate(ctx context.Context, dns DNS, e Evidence) *Verdict {
	name, err := ascii(e.From)
	if err != nil {
		return &Verdict{Word: None, Policy: Monitor, Reason: "Its author has no domain that could have a policy"}
	}
	found, err := Discover(ctx, dns, name)
	if err != nil {
		return &Verdict{Word: TempError, Policy: Monitor, Reason: "What " + name + " wants done with forged mail could not be looked up just now", Cause: err}
	}
	v := &Verdict{Found: *found, Policy: Monitor}
	if found.Record == nil {
		v.Word, v.Reason = None, name+" does not say what shall be done with forged mail"
		return v
	}
	if e.SPF != "" {
		v.SPFAligned, err = aligned(ctx, dns, name, e.SPF, found, found.Record.StrictSPF)
	}
	for i, d := range e.DKIM {
		if v.DKIMAligned || i == maxAligned {
			break
		}
		ok, dkimErr := aligned(ctx, dns, name, d, found, found.Record.StrictDKIM)
		v.DKIMAligned = ok
		if dkimErr != nil {
			err = dkimErr
		}
	}
	switch {
	case v.SPFAligned && v.DKIMAligned:
		v.Word, v.Reason = Pass, "It comes from "+name+": server and signature say so"
	case v.SPFAligned:
		v.Word, v.Reason = Pass, "It comes from "+name+": it was sent by a server of that domain"
	case v.DKIMAligned:
		v.Word, v.Reason = Pass, "It comes from "+name+": it is signed by that domain"
	case err != nil || e.Uncertain:
		v.Word, v.Reason, v.Cause = TempError, "Whether it comes from "+name+" could not be found out just now", err
		v.Policy = found.policy()
	default:
		v.Word, v.Policy = Fail, found.policy()
		v.Reason = fmt.Sprintf("Nothing proves that it comes from %s, and that domain asks to %s such mail", name, verb(v.Policy))
	}
	return v
}

// policy is the owner's wish, one step milder while he is testing.
func (f *Found) policy() Policy {
	if f.Record.Testing {
		return f.Policy.lower()
	}
	return f.Policy
}

func verb(p Policy) string {
	switch p {
	case Reject:
		return "refuse"
	case Quarantine:
		return "put aside"
	}
	return "let through"
}

// aligned says whether a domain that has passed speaks for the author's (RFC
// 9989 §4.4): they are the same, or, unless the owner is strict, of one
// organization.
func aligned(ctx context.Context, dns DNS, author, domain string, found *Found, strict bool) (bool, error) {
	name, err := ascii(domain)
	if err != nil {
		return false, nil
	}
	if name == author {
		return true, nil
	}
	// Domains of one organization lie one below the other, or have its domain
	// above them both; all others need no questions.
	if strict || name != found.Organization && !below(name, found.Organization) {
		return false, nil
	}
	org, err := OrganizationalDomain(ctx, dns, name)
	return org == found.Organization, err
}

func below(name, above string) bool {
	return len(name) > len(above) && name[len(name)-len(above)-1:] == "."+above
}
