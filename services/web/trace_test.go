package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// servedTrace is what happened to some mail.
type servedTrace struct {
	mu   sync.Mutex
	list []Traced // the newest first
}

// traceStep is one at a time, with names and values.
func traceStep(at time.Time, what string, text ...string) TraceStep {
	return TraceStep{At: at, What: what, Pairs: about(text...)}
}

// add puts a message where its time is.
func (s *servedTrace) add(at time.Time, id mail.ID, steps ...TraceStep) {
	i := slices.IndexFunc(s.list, func(m Traced) bool { return m.Steps[0].At.Before(at) })
	s.list = slices.Insert(s.list, max(i, 0), Traced{id, steps})
}

// tracedLines makes steps of lines about messages, as the trace does.
type tracedLines struct {
	slog.Handler
	trace *servedTrace
}

func (l *tracedLines) WithAttrs(a []slog.Attr) slog.Handler {
	return &tracedLines{l.Handler.WithAttrs(a), l.trace}
}

func (l *tracedLines) Handle(ctx context.Context, r slog.Record) error {
	var of []mail.ID
	step := TraceStep{At: r.Time, What: r.Message}
	r.Attrs(func(a slog.Attr) bool {
		switch v := a.Value.Any().(type) {
		case mail.ID:
			of = append(of, v)
		case []slog.Attr:
			for _, m := range v[0].Value.Any().([]mail.Traced) {
				of = append(of, m.ID)
			}
		default:
			step.Pairs = append(step.Pairs, TracePair{a.Key, a.Value.String()})
		}
		return true
	})
	l.trace.mu.Lock()
	defer l.trace.mu.Unlock()
	for i := range l.trace.list {
		if m := &l.trace.list[i]; slices.Contains(of, m.ID) {
			m.Steps = append(slices.Clip(m.Steps), step)
		}
	}
	return l.Handler.Handle(ctx, r)
}

func (s *servedTrace) Find(_ context.Context, q TraceQuery) (found []Traced, next string, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if q.After != "" {
		if _, err := fmt.Sscanf(q.After, "%d", &from); err != nil || from >= len(s.list) {
			return nil, "", ErrPlace
		}
	}
	for i, m := range s.list[from:] {
		if len(found) == q.Limit {
			return found, fmt.Sprint(from + i), nil
		}
		if q.Within.sees(m) && strings.Contains(strings.ToLower(fmt.Sprint(m)), strings.ToLower(q.Text)) {
			found = append(found, m)
		}
	}
	return found, "", nil
}

// sees is the least that bounds what is told; package trace says what of a message is.
func (w TraceWithin) sees(m Traced) bool {
	return !w.Limited || slices.ContainsFunc(w.Domains, func(d string) bool {
		return slices.ContainsFunc(m.Steps, func(s TraceStep) bool {
			return slices.ContainsFunc(s.Pairs, func(p TracePair) bool {
				return slices.Contains([]string{"from", "to", "account", "login"}, p.Name) && strings.HasSuffix(p.Value, "@"+d)
			})
		})
	})
}

func (s *servedTrace) Steps(_ context.Context, id mail.ID, within TraceWithin) (Traced, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.list, func(m Traced) bool { return m.ID == id && within.sees(m) })
	if i < 0 {
		return Traced{ID: id}, nil
	}
	return s.list[i], nil
}

// about makes pairs of names and values.
func about(text ...string) (list []TracePair) {
	for i := 0; i < len(text); i += 2 {
		list = append(list, TracePair{text[i], text[i+1]})
	}
	return list
}

func newServedTrace(now time.Time) *servedTrace {
	s := new(servedTrace)
	add := func(ago time.Duration, steps ...TraceStep) {
		at := now.Add(-ago)
		for i := range steps {
			steps[i].At = at.Add(steps[i].At.Sub(time.Time{}))
		}
		s.list = append(s.list, Traced{mail.NewID(at), steps})
	}
	after := func(d time.Duration) time.Time { return time.Time{}.Add(d) }
	came := func(from, peer, tls string) TraceStep {
		return TraceStep{What: "message received", Pairs: append(about("verb", "receive", "protocol", "smtp", "from", from, "peer", peer), about("tls", tls)...)}
	}
	stored := func(from, to, folder, subject string) TraceStep {
		return TraceStep{At: after(40 * time.Millisecond), What: "message delivered", Pairs: about("verb", "commit", "mailboxes", "1", "outside", "0", "account", to, "folder", folder, "from", from, "author", from, "to", to, "recipients", "1", "size", "48213", "subject", subject)}
	}
	judged := func(junk, reason string) TraceStep {
		return TraceStep{At: after(20 * time.Millisecond), What: "message judged", Pairs: about("verb", "judge", "junk", junk, "reason", reason, "verdicts.spf.result", "pass", "verdicts.dkim.result", "pass", "verdicts.dmarc.result", "pass")}
	}
	const tls = "TLS 1.3 TLS_AES_128_GCM_SHA256"
	add(4*time.Minute, came("ben@partner.test", "192.0.2.17", tls), judged("false", ""), stored("ben@partner.test", "alice@example.test", "INBOX", "Offer for the roof"))
	add(9*time.Minute, TraceStep{What: "recipient refused", Pairs: about("verb", "accept", "from", "sales@lists.test", "to", "nobody@example.test", "peer", "203.0.113.9", "err", "5.1.1 Nobody here has this address")})
	out := func(to, subject string) []TraceStep {
		return []TraceStep{
			{What: "message received", Pairs: about("verb", "receive", "peer", "192.168.1.31", "login", "alice@example.test", "from", "alice@example.test", "tls", tls)},
			{At: after(30 * time.Millisecond), What: "message delivered", Pairs: about("verb", "commit", "mailboxes", "0", "outside", "1", "from", "alice@example.test", "author", "alice@example.test", "to", to, "recipients", "1", "size", "1204", "subject", subject)},
		}
	}
	tried := func(d time.Duration, to, state, reply string, more ...string) TraceStep {
		return TraceStep{At: after(d), What: "message tried", Pairs: append(about("verb", "attempt", "to", to, "hop", "partner.test", "server", "mx.partner.test", "tls", tls, "state", state, "reply", reply, "try", "1"), about(more...)...)}
	}
	add(50*time.Minute, append(out("orders@partner.test", "Order 4711"), tried(time.Second, "orders@partner.test", "queued", "452 4.2.2 Over quota", "item", mail.NewID(now).String(), "next", now.Add(20*time.Minute).UTC().Format(time.RFC3339)))...)
	add(3*time.Hour, append(out("old@partner.test", "Çmimet e reja për vitin 2027"), tried(time.Second, "old@partner.test", "failed", "550 5.1.1 No such user here"))...)
	add(26*time.Hour, append(out("ben@partner.test", "Re: Offer for the roof"), tried(time.Second, "ben@partner.test", "relayed", "250 2.0.0 Ok: queued as 4XyZ"))...)
	add(30*time.Hour, came("prize@winner.test", "198.51.100.77", ""), judged("true", "the sender's domain says that this is not its mail"), stored("prize@winner.test", "ben.person@example.test", "Junk", "You have won"),
		TraceStep{At: after(time.Minute), What: "messages fetched", Pairs: about("verb", "fetch", "protocol", "imap", "account", "alice@example.test", "program", "Owl 3", "peer", "192.168.1.31", "owner", "ben.person@example.test")},
		TraceStep{At: after(time.Hour), What: "messages deleted", Pairs: about("verb", "expunge", "protocol", "move", "account", "ben.person@example.test", "program", "imap.old.test", "folder", "Junk")},
		TraceStep{At: after(2 * time.Hour), What: "messages restored", Pairs: about("account", "ben.person@example.test", "by", "admin@example.test", "as_of", now.Add(-29*time.Hour).UTC().Format(time.RFC3339))})
	for i := range 60 {
		add(time.Duration(40+i)*time.Hour, came("news@letters.test", "192.0.2.40", tls), judged("false", ""), stored("news@letters.test", "alice@example.test", "INBOX", fmt.Sprint("Letter number ", i)))
	}
	return s
}

// TestTrace: what happened to mail, for administrators only.
func TestTrace(t *testing.T) {
	t.Parallel()
	s := newServedTrace(time.Now())
	b := setUpBox(t, func(o *Options) { o.Trace = s })
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	alice := []string{"Cookie", b.signIn("alice@example.test", "her long password")}
	for _, c := range []struct {
		path   string
		status int
		field  string
	}{
		{"/api/trace", http.StatusOK, ""},
		{"/api/trace?q=roof&from=2026-01-01T00:00:00Z&until=2099-01-01T00:00:00%2B01:00&limit=200", http.StatusOK, ""},
		{"/api/trace?from=yesterday", http.StatusBadRequest, "from"},
		{"/api/trace?until=1", http.StatusBadRequest, "until"},
		{"/api/trace?limit=201", http.StatusBadRequest, "limit"},
		{"/api/trace?limit=x", http.StatusBadRequest, "limit"},
		{"/api/trace?after=x", http.StatusBadRequest, "after"},
		{"/api/trace?q=" + strings.Repeat("x", maxTraceText+1), http.StatusBadRequest, "q"},
		{"/api/trace/" + s.list[0].ID.String(), http.StatusOK, ""},
		{"/api/trace/" + mail.ID{9}.String(), http.StatusNotFound, ""},
		{"/api/trace/x", http.StatusNotFound, ""},
	} {
		b.want(b.do("GET", c.path, ""), http.StatusUnauthorized, "")
		b.want(b.do("GET", c.path, "", alice...), http.StatusForbidden, "")
		b.want(b.do("GET", c.path, "", admin...), c.status, c.field)
	}
	seen, after := 0, ""
	for {
		var answer struct {
			Messages []tracedJSON
			Next     string
		}
		if err := json.Unmarshal(b.do("GET", "/api/trace?limit=25&after="+after, "", admin...).Body.Bytes(), &answer); err != nil {
			t.Fatal(err)
		}
		seen += len(answer.Messages)
		if after = answer.Next; after == "" {
			break
		}
	}
	if seen != len(s.list) {
		t.Errorf("page by page there are %d messages, want %d", seen, len(s.list))
	}
}

// TestTraceWithin: an administrator of one domain finds what is from or to it, and by no
// way anything else, nor acts on it.
func TestTraceWithin(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s, l := &servedTrace{}, &line{}
	waits := func(ago time.Duration, from, subject string, item mail.ID) mail.ID {
		id := mail.NewID(now.Add(-ago))
		s.add(now.Add(-ago), id, traceStep(now, "message delivered", "from", from, "to", "x@far.test", "subject", subject), traceStep(now, "message tried", "to", "x@far.test", "item", item.String()))
		return id
	}
	theirs, others := mail.ID{1}, mail.ID{2}
	own := waits(time.Minute, "bob@b.test", "Ours", theirs)
	foreign := waits(2*time.Minute, "alice@example.test", "Secret", others)
	l.message = map[mail.ID]mail.ID{theirs: own, others: foreign, {3}: {}}
	b := setUpBox(t, func(o *Options) { o.Trace, o.Queue, o.Undo = s, l, &recycler{} })
	if err := b.office.add(mail.Address{Local: "other", Domain: "b.test"}, "", "a long one of theirs", mail.RoleDomainAdmin); err != nil {
		t.Fatal(err)
	}
	account := &b.office.accounts[len(b.office.accounts)-1]
	account.Domains = []string{"b.test"}
	who := []string{"Cookie", b.signIn("other@b.test", "a long one of theirs")}
	admin := []string{"Cookie", b.signIn("admin@example.test", "a long enough one")}
	find := func(query string) string {
		t.Helper()
		w := b.do("GET", "/api/trace?"+query, "", who...)
		b.want(w, http.StatusOK, "")
		return w.Body.String()
	}
	for _, query := range []string{"", "limit=1", "q=Secret", "q=alice", "q=far.test", "after=0", "after=1", "after=1&limit=1", "q=" + foreign.String()} {
		if got := find(query); strings.Contains(got, "Secret") || strings.Contains(got, foreign.String()) {
			t.Errorf("?%s tells them %s", query, got)
		}
	}
	if got := find("q=Ours"); !strings.Contains(got, own.String()) {
		t.Errorf("their own message is not in %s", got)
	}
	b.want(b.do("GET", "/api/trace/"+own.String(), "", who...), http.StatusOK, "")
	same := func(method, path, unknown string) {
		t.Helper()
		got, want := b.do(method, path, "", who...), b.do(method, unknown, "", who...)
		if got.Code != http.StatusNotFound || got.Body.String() != want.Body.String() {
			t.Errorf("%s %s: %d %s; want what there is of none: %d %s", method, path, got.Code, got.Body, want.Code, want.Body)
		}
	}
	same("GET", "/api/trace/"+foreign.String(), "/api/trace/"+mail.ID{9}.String())
	none := "/api/queue/" + mail.ID{9}.String() + "/retry"
	same("POST", "/api/queue/"+others.String()+"/retry", none)
	same("POST", "/api/queue/"+foreign.String()+"/retry", none)
	same("POST", "/api/queue/"+mail.ID{3}.String()+"/retry", none)
	b.want(b.do("POST", "/api/queue/"+theirs.String()+"/retry", "", who...), http.StatusConflict, "") // it is being sent just now, says the fake
	b.want(b.do("POST", "/api/queue/"+others.String()+"/retry", "", admin...), http.StatusConflict, "")
	for _, path := range []string{"/api/queue/" + theirs.String() + "/hold", "/api/queue/" + theirs.String() + "/release"} {
		b.want(b.do("POST", path, "", who...), http.StatusForbidden, "")
	}
	b.want(b.do("GET", "/api/queue/"+theirs.String(), "", who...), http.StatusForbidden, "")
	b.want(b.do("GET", "/api/queue/stats", "", who...), http.StatusForbidden, "")
	b.want(b.do("POST", "/api/accounts/alice@example.test/undo/messages", `{"messages":[{"mailbox":"1","uid":1}]}`, who...), http.StatusForbidden, "address")
	b.want(b.do("GET", "/api/accounts/other@b.test/undo/messages", "", who...), http.StatusForbidden, "")
	if got, err := b.listened(&caller{role: mail.RoleDomainAdmin, domains: account.Domains}, "trace,queue"); err != nil || len(got) != 0 {
		t.Errorf("they hear when others' mail comes: %q, %v", got, err)
	}
	account.Domains = nil
	if got := find(""); strings.Contains(got, "Ours") {
		t.Errorf("who looks after no domain is told %s", got)
	}
	b.want(b.do("GET", "/api/trace/"+own.String(), "", who...), http.StatusNotFound, "")
	b.want(b.do("POST", "/api/queue/"+theirs.String()+"/retry", "", who...), http.StatusNotFound, "")
}
