package trust

import (
	"strings"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Action is what is done with a message.
type Action uint8

// The actions.
const (
	Accept Action = iota
	Junk          // delivered, into the junk mailbox
	Refuse        // 550: the sender is told at once
	TryLater
)

// Disposition is what is done with a message, and why.
type Disposition struct {
	Action  Action
	Reason  string        // for people; "" when there is nothing to say
	Refusal *mail.Refusal // of Refuse and TryLater
	// Override says why DMARC's policy was not applied, in the words of RFC 7489
	// appendix C (PolicyOverrideType); "" if it was.
	Override string
}

// dispose decides. The package's doc has the rules.
func (j *Judge) dispose(r *Judgement) Disposition {
	d := r.DMARC
	switch {
	case d == nil:
		return j.withoutAuthor(r)
	case d.Word == dmarc.Fail && d.Policy != dmarc.Monitor:
		return j.forged(r)
	case d.Word == dmarc.TempError && d.Policy == dmarc.Reject && !j.options.Lenient:
		return Disposition{Action: TryLater, Reason: d.Reason, Refusal: &mail.Refusal{
			Status: mail.Status4_7_0TryLater,
			Text:   "Whether this message comes from " + r.From + " could not be found out just now. Please try again later",
			Cause:  d.Cause,
		}}
	case d.Word == dmarc.None && r.spf.verdict.Result == Fail && !r.passes(r.From):
		return Disposition{Action: Junk, Reason: r.spf.verdict.Reason}
	}
	return Disposition{}
}

// withoutAuthor decides about a message that nobody can vouch for.
func (j *Judge) withoutAuthor(r *Judgement) Disposition {
	for _, v := range r.Verdicts {
		if v.Method != DMARC {
			continue
		}
		if v.Result == TempError {
			return Disposition{Action: TryLater, Reason: v.Reason, Refusal: &mail.Refusal{
				Status: mail.Status4_7_0TryLater, Text: "The message could not be checked just now. Please try again later", Cause: v.Cause}}
		}
		return Disposition{Action: Junk, Reason: v.Reason}
	}
	return Disposition{}
}

// forged decides about a message that its author's domain disowns.
func (j *Judge) forged(r *Judgement) Disposition {
	if sealer := j.voucher(r); sealer != "" {
		r.vouched = sealer
		return Disposition{Reason: "It was passed on by " + sealer + ", who vouches that it came from " + r.From, Override: "trusted_forwarder"}
	}
	reason := r.DMARC.Reason
	if r.DMARC.Policy == dmarc.Quarantine {
		return Disposition{Action: Junk, Reason: reason}
	}
	if r.viaList && len(r.dkim) > 0 && anyPasses(r.dkim) {
		return Disposition{Action: Junk, Reason: reason + ". It seems to come over a mailing list", Override: "mailing_list"}
	}
	if j.options.Lenient {
		return Disposition{Action: Junk, Reason: reason, Override: "local_policy"}
	}
	return Disposition{Action: Refuse, Reason: reason, Refusal: &mail.Refusal{
		Status: mail.Status5_7_26NotAuthentic,
		Text: "The message says it comes from " + r.From + ", nothing proves it, and " + r.From + " asks to refuse such mail (DMARC)." +
			" Send it through a server of " + r.From + ", or have it signed by that domain (DKIM)",
	}}
}

func anyPasses(results []dkim.Result) bool {
	for _, s := range results {
		if s.Word == dkim.Pass {
			return true
		}
	}
	return false
}

// voucher is the sealer who says that DMARC passed when the message came to it.
// Only the oldest of the sealers that are all trusted, counted from the newest,
// has seen what came from those who are not (RFC 8617 §7.2).
func (j *Judge) voucher(r *Judgement) string {
	if r.Chain == nil || r.Chain.Word != dkim.Pass {
		return ""
	}
	first := len(r.Chain.Seals)
	for first > 0 && j.trusts(r.Chain.Seals[first-1].Domain) {
		first--
	}
	if first == len(r.Chain.Seals) {
		return ""
	}
	seal := r.Chain.Seals[first]
	_, results, err := ParseResults(seal.Results)
	if err != nil {
		return ""
	}
	for _, v := range results {
		if v.Method == DMARC && v.Result == Pass && (v.Property("header", "from") == "" || strings.EqualFold(v.Property("header", "from"), r.From)) {
			return seal.Domain
		}
	}
	return ""
}

func (j *Judge) trusts(domain string) bool {
	for _, t := range j.options.Sealers {
		if domain == t || strings.HasSuffix(domain, "."+t) {
			return true
		}
	}
	return false
}

// Property gives the value of a property; "" if the verdict has none.
func (v *Verdict) Property(kind, name string) string {
	for _, p := range v.Properties {
		if p.Type == kind && p.Name == name {
			return p.Value
		}
	}
	return ""
}

// Observation is the outcome as the author's domain is told of it; ok is false
// when there is nothing to tell.
func (r *Judgement) Observation(envelope *mail.Envelope) (o dmarc.Observation, ok bool) {
	if r.DMARC == nil || r.DMARC.Found.Record == nil {
		return o, false
	}
	o = dmarc.Observation{
		At: r.at, Source: r.peer, HeaderFrom: r.From, EnvelopeFrom: strings.ToLower(envelope.From.Domain), Verdict: r.DMARC,
		Override: r.Disposition.Override, SPF: dmarc.SPFResult{Domain: r.spf.domain, Scope: r.spf.scope, Result: string(r.spf.verdict.Result)},
	}
	switch r.Disposition.Action {
	case Refuse, TryLater:
		o.Disposition = dmarc.Reject
	case Junk:
		o.Disposition = dmarc.Quarantine
	default:
		o.Disposition = dmarc.Monitor
	}
	if r.vouched != "" {
		o.Comment = "arc=pass, sealed by " + r.vouched
	}
	for _, s := range r.dkim {
		if s.Domain != "" {
			o.DKIM = append(o.DKIM, dmarc.Signature{Domain: s.Domain, Selector: s.Selector, Result: string(s.Word)})
		}
	}
	return o, true
}
