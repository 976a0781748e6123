package mail

import (
	"slices"
	"strings"
)

// SystemFlags is a set of the flags that IMAP itself defines (RFC 9051 §2.3.2).
// \Recent is not among them: it belongs to a session, not to a message.
type SystemFlags uint8

// The system flags.
const (
	Seen SystemFlags = 1 << iota
	Answered
	Flagged
	Deleted
	Draft
)

// Flags are the flags of one mailbox entry. The zero value is no flags.
//
// Keywords are kept sorted, without duplicates (compared without regard to
// case), in the spelling that came first; the slice is shared between values
// and never changed in place.
type Flags struct {
	System   SystemFlags
	Keywords []string
}

// NewFlags makes Flags of names as IMAP spells them: `\Seen`, `$Forwarded`.
// It ignores \Recent and unknown names that begin with a backslash.
func NewFlags(names ...string) Flags {
	var f Flags
	for _, name := range names {
		if !strings.HasPrefix(name, `\`) {
			f.Keywords = append(f.Keywords, name)
			continue
		}
		for i, system := range systemFlagNames() {
			if strings.EqualFold(name, system) {
				f.System |= 1 << i
			}
		}
	}
	f.Keywords = sortKeywords(f.Keywords)
	return f
}

// systemFlagNames are in the order of the bits.
func systemFlagNames() [5]string {
	return [5]string{`\Seen`, `\Answered`, `\Flagged`, `\Deleted`, `\Draft`}
}

func sortKeywords(k []string) []string {
	slices.SortStableFunc(k, compareFold)
	return slices.CompactFunc(k, strings.EqualFold)
}

func compareFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// Has reports whether every system flag of s is set.
func (f Flags) Has(s SystemFlags) bool { return f.System&s == s }

// HasKeyword reports whether the keyword is set, without regard to case.
func (f Flags) HasKeyword(name string) bool {
	return slices.ContainsFunc(f.Keywords, func(k string) bool { return strings.EqualFold(k, name) })
}

// Names lists the flags as IMAP spells them, system flags first.
func (f Flags) Names() []string {
	names := make([]string, 0, 2+len(f.Keywords))
	for i, name := range systemFlagNames() {
		if f.System&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return append(names, f.Keywords...)
}

// Equal reports whether both hold the same flags, keywords compared without
// regard to case.
func (f Flags) Equal(g Flags) bool {
	return f.System == g.System && slices.EqualFunc(f.Keywords, g.Keywords, strings.EqualFold)
}

// Union is every flag of either.
func (f Flags) Union(g Flags) Flags {
	u := Flags{System: f.System | g.System}
	switch {
	case len(g.Keywords) == 0:
		u.Keywords = f.Keywords
	case len(f.Keywords) == 0:
		u.Keywords = g.Keywords
	default:
		u.Keywords = sortKeywords(slices.Concat(f.Keywords, g.Keywords))
	}
	return u
}

// Without is every flag of f that is not in g.
func (f Flags) Without(g Flags) Flags {
	w := Flags{System: f.System &^ g.System, Keywords: f.Keywords}
	if len(g.Keywords) > 0 {
		w.Keywords = slices.DeleteFunc(slices.Clone(f.Keywords), g.HasKeyword)
	}
	return w
}

// FlagOp says what a change of flags does with those it names (RFC 9051 §6.4.6).
type FlagOp uint8

// The three forms of STORE.
const (
	FlagsReplace FlagOp = iota // FLAGS
	FlagsAdd                   // +FLAGS
	FlagsRemove                // -FLAGS
)

// Apply is the outcome of op with the flags g on f.
func (op FlagOp) Apply(f, g Flags) Flags {
	switch op {
	case FlagsAdd:
		return f.Union(g)
	case FlagsRemove:
		return f.Without(g)
	default:
		return g
	}
}
