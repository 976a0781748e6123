package trust

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/dmarc"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// DNS is what the judge asks. *resolver.Client is one.
type DNS interface {
	TXT(ctx context.Context, name string) (resolver.Answer[string], error)
	MX(ctx context.Context, name string) (resolver.Answer[resolver.MX], error)
	A(ctx context.Context, name string) (resolver.Answer[netip.Addr], error)
	Addresses(ctx context.Context, name string) (resolver.Answer[netip.Addr], error)
	PTR(ctx context.Context, addr netip.Addr) (resolver.Answer[string], error)
}

// Options are the office's choices. The zero value is what most want.
type Options struct {
	Lists   func() mail.BlockLists // what is asked about peers now; nil: nothing
	Sealers []string               // domains whose ARC seals are believed, and those below them
	// Lenient puts in the junk mailbox what DMARC would have refused.
	Lenient bool
	// Sure says whether the dates of signatures may be judged by the box's clock; nil: they may.
	Sure func() bool
}

// Bounds of the work for one message.
const (
	// judgeTime is for all verdicts together: a client waits ten minutes for the
	// reply to its data, but a name server that does not answer shall not hold a
	// connection longer than this.
	judgeTime = 40 * time.Second
	// maxSignatures are checked (RFC 6376 §6.1 leaves the number open): lists and
	// scanners add one each, so real mail has four at most.
	maxSignatures = 8
)

// Judge judges mail.
type Judge struct {
	dns     DNS
	options Options
	lists   listHealth
}

// New makes a Judge.
func New(dns DNS, options Options) *Judge { return &Judge{dns: dns, options: options} }

// Method is what was checked, in the words of RFC 8601 §2.7 where it has one.
type Method string

// The methods.
const (
	IPRev Method = "iprev"
	SPF   Method = "spf"
	DKIM  Method = "dkim"
	DMARC Method = "dmarc"
	ARC   Method = "arc"
	DNSBL Method = "x-dnsbl" // a block list; not of RFC 8601, which leaves "x-" to everybody (§2.7.7)
)

// Result is how it came out, in the words of RFC 8601 §2.7.
type Result string

// The results.
const (
	None      Result = "none"
	Pass      Result = "pass"
	Fail      Result = "fail"
	SoftFail  Result = "softfail"
	Neutral   Result = "neutral"
	Policy    Result = "policy"
	TempError Result = "temperror"
	PermError Result = "permerror"
)

// Property is what a verdict is about, such as smtp.mailfrom (RFC 8601 §2.7).
type Property struct {
	Type, Name string
	Value      string
}

// Verdict is one thing that is known.
type Verdict struct {
	Method     Method
	Result     Result
	Reason     string // for people, one sentence
	Properties []Property
	Took       time.Duration
	Cause      error // of a temporary error, for the log
}

// Judgement is all that is known of a message.
type Judgement struct {
	Verdicts    []Verdict
	Disposition Disposition

	From    string // the author's domain; "" if there is no one such domain
	DMARC   *dmarc.Verdict
	Chain   *dkim.Chain // nil if the message could not be read
	spf     spfOutcome
	dkim    []dkim.Result
	peer    netip.Addr
	at      time.Time
	viaList bool
	vouched string // the sealer that vouches for it
}

// Message judges a message: what the envelope says of the peer and the sender,
// and the size bytes of the body, which it reads twice at most.
func (j *Judge) Message(ctx context.Context, envelope *mail.Envelope, body io.ReaderAt, size int64) *Judgement {
	ctx, cancel := context.WithTimeout(ctx, judgeTime)
	defer cancel()
	r := &Judgement{peer: envelope.Peer.Addr.Unmap().WithZone(""), at: envelope.Received}
	var reverse, helo, from, lists []Verdict
	var spf spfOutcome
	inParallel(
		func() { reverse = []Verdict{j.reverse(ctx, r.peer)} },
		func() { helo = j.helo(ctx, envelope) },
		func() { lists, _ = j.onLists(ctx, r.peer) },
		func() { spf = j.mailFrom(ctx, envelope); from = []Verdict{spf.verdict} },
	)
	r.spf = spf
	r.Verdicts = slices.Concat(reverse, helo, from)
	r.Verdicts = append(r.Verdicts, j.content(ctx, r, body, size)...)
	r.Disposition = j.dispose(r)
	for _, v := range lists {
		if v.Result != Fail {
			continue
		}
		r.Verdicts = append(r.Verdicts, v)
		if r.Disposition.Action == Accept {
			r.Disposition = Disposition{Action: Junk, Reason: v.Reason, Override: r.Disposition.Override}
		}
	}
	return r
}

// inParallel runs the functions at once and waits for all. A panic in one of them
// goes on in the caller, whose connection it ends, and not the process.
func inParallel(functions ...func()) {
	done := make(chan any)
	for _, f := range functions {
		go func() {
			defer func() { done <- recover() }()
			f()
		}()
	}
	var panicked any
	for range functions {
		if p := <-done; p != nil {
			panicked = p
		}
	}
	if panicked != nil {
		panic(panicked)
	}
}

// guard turns a panic into a verdict: what libraries read here comes from anybody.
func guard(v *Verdict) {
	if p := recover(); p != nil {
		v.Result, v.Reason = PermError, "It could not be checked, because of a defect in this box's software"
		v.Cause = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
	}
}

// content judges what is in the message: signatures, seals, author.
func (j *Judge) content(ctx context.Context, r *Judgement, body io.ReaderAt, size int64) []Verdict {
	began := time.Now()
	m, err := dkim.Open(body, size)
	if err != nil {
		word := TempError
		reason := "The message could not be read"
		if errors.Is(err, dkim.ErrHeader) {
			word, reason = PermError, "The message's header is too long to be checked"
		}
		v := Verdict{Method: DKIM, Result: word, Reason: reason, Took: time.Since(began), Cause: err}
		author := Verdict{Method: DMARC, Result: word, Reason: reason}
		return []Verdict{v, author}
	}
	m.Undated = j.options.Sure != nil && !j.options.Sure()
	list := j.signatures(ctx, r, m)
	list = append(list, j.seals(ctx, r, m))
	r.viaList = len(m.Values("List-Id")) > 0 || len(m.Values("List-Post")) > 0
	return append(list, j.author(ctx, r, m))
}

// signatures gives a verdict for each DKIM signature.
func (j *Judge) signatures(ctx context.Context, r *Judgement, m *dkim.Message) []Verdict {
	began := time.Now()
	results, err := dkim.Verify(ctx, j.dns, m, maxSignatures)
	if err != nil {
		return []Verdict{{Method: DKIM, Result: TempError, Reason: "The signatures could not be checked in time", Took: time.Since(began), Cause: err}}
	}
	if len(results) == 0 {
		return []Verdict{{Method: DKIM, Result: None, Reason: "It is not signed", Took: time.Since(began)}}
	}
	r.dkim = results
	list := make([]Verdict, len(results))
	for i, s := range results {
		v := Verdict{Method: DKIM, Result: Result(s.Word), Reason: s.Reason, Took: time.Since(began), Cause: s.Cause}
		for _, p := range []Property{{"header", "d", s.Domain}, {"header", "i", s.Identifier}, {"header", "s", s.Selector}, {"header", "a", s.Algorithm}, {"header", "b", s.Prefix}} {
			if p.Value != "" && (p.Name != "i" || p.Value != "@"+s.Domain) {
				v.Properties = append(v.Properties, p)
			}
		}
		if s.Testing && s.Word == dkim.Pass {
			v.Reason += " (its domain only tries signatures out)"
		}
		list[i] = v
	}
	return list
}

// seals gives the verdict on the ARC chain.
func (j *Judge) seals(ctx context.Context, r *Judgement, m *dkim.Message) Verdict {
	began := time.Now()
	chain, err := dkim.VerifyChain(ctx, j.dns, m)
	if err != nil {
		return Verdict{Method: ARC, Result: TempError, Reason: "The seals of those who passed it on could not be checked in time", Took: time.Since(began), Cause: err}
	}
	r.Chain = chain
	v := Verdict{Method: ARC, Result: Result(chain.Word), Reason: chain.Reason, Took: time.Since(began), Cause: chain.Cause}
	if chain.OldestPass > 0 {
		v.Properties = []Property{{"header", "oldest-pass", fmt.Sprint(chain.OldestPass)}} // RFC 8617 §10.2
	} else if chain.Word == dkim.Pass {
		v.Properties = []Property{{"header", "oldest-pass", "0"}}
	}
	return v
}

// author finds the message's author and asks what his domain wants.
func (j *Judge) author(ctx context.Context, r *Judgement, m *dkim.Message) Verdict {
	began := time.Now()
	domain, reason := authorDomain(m.Values("From"))
	if reason != "" {
		return Verdict{Method: DMARC, Result: PermError, Reason: reason, Took: time.Since(began)}
	}
	r.From = domain
	e := dmarc.Evidence{From: domain, Uncertain: r.spf.verdict.Result == TempError}
	if r.spf.verdict.Result == Pass {
		e.SPF = r.spf.domain
	}
	for _, s := range r.dkim {
		switch s.Word {
		case dkim.Pass:
			e.DKIM = append(e.DKIM, s.Domain)
		case dkim.TempError:
			e.Uncertain = true
		}
	}
	d := dmarc.Evaluate(ctx, j.dns, e)
	r.DMARC = d
	v := Verdict{Method: DMARC, Result: Result(d.Word), Reason: d.Reason, Took: time.Since(began), Cause: d.Cause}
	v.Properties = []Property{{"header", "from", domain}}
	if d.Found.Record != nil {
		v.Properties = append(v.Properties, Property{"policy", "dmarc", string(d.Found.Policy)})
	}
	return v
}

// passes says whether a signature of this domain, or of one around it, holds.
func (r *Judgement) passes(domain string) bool {
	return slices.ContainsFunc(r.dkim, func(s dkim.Result) bool {
		return s.Word == dkim.Pass && (s.Domain == domain || strings.HasSuffix(domain, "."+s.Domain))
	})
}
