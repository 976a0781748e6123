package trust

import (
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/message"
)

// maxStored is how much of a stored message is looked at for what this box wrote.
const maxStored = 64 << 10

// Stored gives the verdicts that this box, by one of its names, has written in front of
// a message when it came, each with its reason. They stand above this box's Received
// field, above which nothing is that others have written; judged is false where there
// are none. The error is the reader's.
func Stored(r io.Reader, hosts ...string) (verdicts []Verdict, judged bool, err error) {
	is := func(name string) bool {
		for _, host := range hosts {
			if strings.EqualFold(strings.TrimSuffix(name, "."), host) {
				return true
			}
		}
		return false
	}
	for field, err := range message.Fields(r, maxStored) {
		switch {
		case err == message.ErrHeaderTooLong:
			return nil, false, nil
		case err != nil:
			return nil, false, err
		case strings.EqualFold(field.Name, "Authentication-Results") && verdicts == nil:
			author, list, err := ParseResults(field.Value())
			if err == nil && is(author) {
				verdicts = list
			}
		case strings.EqualFold(field.Name, "Received"):
			if verdicts == nil || !is(receiver(field.Value())) {
				return nil, false, nil
			}
			for i := range verdicts {
				verdicts[i].explain()
			}
			return verdicts, true, nil
		}
	}
	return nil, false, nil
}

// receiver is the name behind "by" of a Received field that this box wrote.
func receiver(value string) string {
	_, rest, _ := strings.Cut(strings.ReplaceAll(value, "\t", " "), " by ")
	name, _, _ := strings.Cut(strings.TrimSpace(rest), " ")
	return name
}

// explain gives a verdict its reason where the field has none: it is left out where the
// result and its properties say all.
func (v *Verdict) explain() {
	if v.Reason != "" {
		return
	}
	first := func(names ...string) string {
		for _, name := range names {
			kind, property, _ := strings.Cut(name, ".")
			if text := v.Property(kind, property); text != "" {
				_, domain, found := strings.Cut(text, "@")
				if found {
					return domain
				}
				return text
			}
		}
		return "its domain"
	}
	pass := v.Result == Pass
	switch v.Method {
	case IPRev:
		v.Reason = "It came from " + first("policy.ptr") + " (" + v.Property("policy", "iprev") + ")"
	case SPF:
		v.Reason = first("smtp.mailfrom", "smtp.helo") + " does not say which servers may send for it"
		if pass {
			v.Reason = "The server it came from may send for " + first("smtp.mailfrom", "smtp.helo")
		}
	case DKIM:
		v.Reason = "It is not signed"
		if pass {
			v.Reason = "The signature of " + first("header.d") + " holds"
		}
	case DMARC:
		v.Reason = first("header.from") + " does not say what is to be done with forged mail"
		if pass {
			v.Reason = "It is proven to come from " + first("header.from")
		}
	case ARC:
		v.Reason = "Nobody who passed it on has sealed it"
		if pass {
			v.Reason = "Those who passed it on have sealed it, and the seals hold"
		}
	}
}
