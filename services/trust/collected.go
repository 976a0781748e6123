package trust

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// collectedTime is for all verdicts on a message that lay at a provider: a mailbox
// of thousands shall not wait long for name servers that do not answer.
const collectedTime = 10 * time.Second

// Collected judges a message that was fetched from a mailbox at a provider. By what
// server it came there only the provider has seen: SPF is the provider's word, and
// DMARC is what follows from it, where host, the name in its Authentication-Results,
// is given and such a field is there; providers remove what others write by their
// name (RFC 8601 §5). Without it nothing counts against a message but the
// provider's own mark that it is spam, which nobody writes who means no good.
//
// Nothing is refused: what would be is junk.
func (j *Judge) Collected(ctx context.Context, envelope *mail.Envelope, host string, body io.ReaderAt, size int64) *Judgement {
	ctx, cancel := context.WithTimeout(ctx, collectedTime)
	defer cancel()
	seen := look(body, size, host)
	r := &Judgement{at: envelope.Received, spf: seen.spf()}
	if seen.found {
		r.Verdicts = append(r.Verdicts, r.spf.verdict)
	}
	r.Verdicts = append(r.Verdicts, j.content(ctx, r, body, size)...)
	seen.author(r)
	switch r.Disposition = j.dispose(r); r.Disposition.Action {
	case Refuse:
		r.Disposition.Action, r.Disposition.Refusal = Junk, nil
	case TryLater:
		r.Disposition = Disposition{}
	}
	if seen.spam && r.Disposition.Action == Accept {
		r.Disposition = Disposition{Action: Junk, Reason: "The provider marked it as spam"}
	}
	return r
}

// provided is what a provider has written about a message.
type provided struct {
	verdicts []Verdict
	found    bool // there are results by the name that is believed
	spam     bool
}

// maxProvided is how much of a header is looked at: a provider writes at its top.
const maxProvided = 256 << 10

// look reads what the provider wrote. Of several results by its name the topmost
// count, and what stands right below them by the same name: a provider may write a
// field for each method.
func look(body io.ReaderAt, size int64, host string) (p provided) {
	ended := false
	for f, err := range message.Fields(io.NewSectionReader(body, 0, size), maxProvided) {
		if err != nil {
			break
		}
		switch strings.ToLower(f.Name) {
		case "x-spam-flag", "x-spam-status":
			p.spam = p.spam || strings.HasPrefix(strings.ToLower(strings.TrimSpace(f.Value())), "yes")
			continue
		case "authentication-results":
			author, verdicts, err := ParseResults(f.Value())
			if host != "" && err == nil && !ended && strings.EqualFold(author, host) {
				p.found = true
				if len(p.verdicts)+len(verdicts) <= maxVerdicts {
					p.verdicts = append(p.verdicts, verdicts...)
				}
				continue
			}
		}
		ended = ended || p.found
	}
	return p
}

// of is the provider's first verdict by a method; nil if there is none.
func (p *provided) of(m Method) *Verdict {
	for i := range p.verdicts {
		if p.verdicts[i].Method == m {
			return &p.verdicts[i]
		}
	}
	return nil
}

// spf is the provider's word on the envelope's sender. Where there is none it is a
// temporary error, so that nobody takes what can't be known for a failure.
func (p *provided) spf() spfOutcome {
	unknown := spfOutcome{verdict: Verdict{Method: SPF, Result: TempError, Reason: "By what server it came to the provider is not known"}, scope: "mfrom"}
	v := p.of(SPF)
	if v == nil {
		return unknown
	}
	for _, name := range []string{"mailfrom", "helo"} {
		who := v.Property("smtp", name)
		if who == "" {
			continue
		}
		domain, err := resolver.Canonical(who[strings.LastIndexByte(who, '@')+1:])
		if err != nil {
			continue
		}
		out := *v
		out.Reason = "The provider says so"
		out.Properties = []Property{{"smtp", name, who}}
		return spfOutcome{out, domain, map[string]string{"mailfrom": "mfrom", "helo": "helo"}[name]}
	}
	return unknown
}

// author corrects the word on the author by what the provider found when the
// message came: a key that signed it may have gone since.
func (p *provided) author(r *Judgement) {
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Method != DMARC || r.DMARC == nil {
			continue
		}
		said := p.of(DMARC)
		switch {
		case said != nil && said.Result == Pass && strings.EqualFold(said.Property("header", "from"), r.From):
			r.DMARC.Word, r.DMARC.Policy = dmarc.Pass, dmarc.Monitor
			v.Result, v.Reason, v.Cause = Pass, "The provider says that it comes from "+r.From, nil
		case r.DMARC.Word == dmarc.TempError && !p.found:
			v.Result, v.Reason, v.Cause = None, "It is not signed by "+r.From+", and by what server it came to the provider is not known", nil
			r.DMARC.Word = dmarc.None
		}
	}
}
