package powercut

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/smtp"
	"net/textproto"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// The office. The forwarded ports make every caller look like QEMU's gateway, so that is trusted.
const (
	domain   = "example.test"
	password = "correct horse battery staple"
	inbox    = "INBOX"
)

// people each have one IMAP session at work.
func people() []string { return []string{"alice", "bob", "carol"} }

// folders are what the sessions append, copy and move to. INBOX is left to deliveries.
func folders() []string { return []string{"Archive", "Sent"} }

// senders is how many connections deliver at once.
const senders = 4

// load is what happens to the box between two cuts.
type load struct {
	h     *history
	addrs addresses
	label string // unique in the whole test: begins the letters' names
	seed  uint64
	fill  int // how many letters an account holds before its session begins to tidy up: reading must not take for ever
	ctx   context.Context
	all   sync.WaitGroup

	mu     sync.Mutex
	errors []error // guarded by mu; of answers that nobody should get
	cut    bool    // guarded by mu; from now on errors of connections are no surprise
}

// addresses are where a running box answers.
type addresses struct{ smtp, imaps, pop3s, https string }

// talkTime bounds a connection's life; the longest load is far shorter.
const talkTime = 20 * time.Minute

func (l *load) start() {
	for i := range senders {
		l.all.Go(func() { l.complain(l.send(i)) })
	}
	for i, name := range people() {
		l.all.Go(func() { l.complain(l.work(i, name)) })
	}
}

// stop is called right before the plug is pulled.
func (l *load) stop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = true
}

// complain keeps what a client was told that it should not be. Connections that break after the cut are what the test
// is about; answers are not.
func (l *load) complain(err error) {
	var smtpSays *textproto.Error
	var imapSays *imap.Error
	answer := errors.As(err, &smtpSays) || errors.As(err, &imapSays)
	l.mu.Lock()
	defer l.mu.Unlock()
	if err != nil && (answer || !l.cut) {
		l.errors = append(l.errors, err)
	}
}

// size is mostly that of mail between people, sometimes of a scan, which takes another way to the disk.
func size(r *rand.Rand) int {
	switch n := r.IntN(40); {
	case n == 0:
		return 300<<10 + r.IntN(200<<10)
	case n < 8:
		return 20<<10 + r.IntN(60<<10)
	}
	return 200 + r.IntN(8<<10)
}

// send delivers one letter after the other, some of them to several people.
func (l *load) send(number int) error {
	r := rand.New(rand.NewPCG(l.seed, uint64(number)))
	conn, err := dial(l.ctx, l.addrs.smtp)
	if err != nil {
		return err
	}
	defer conn.Close()
	c, err := smtp.NewClient(conn, "mail."+domain)
	if err != nil {
		return err
	}
	if err := c.Hello("sender.example.net"); err != nil {
		return err
	}
	for i := 0; ; i++ {
		text := letter{fmt.Sprintf("%s.smtp%d.%d", l.label, number, i), size(r)}
		if err := c.Mail("bob@example.net"); err != nil {
			return err
		}
		to := people()
		r.Shuffle(len(to), func(i, j int) { to[i], to[j] = to[j], to[i] })
		to = to[:1+r.IntN(8)/6] // one, or sometimes two
		for _, name := range to {
			if err := c.Rcpt(name + "@" + domain); err != nil {
				return err
			}
		}
		w, err := c.Data()
		if err != nil {
			return err
		}
		var asked []*record
		for _, name := range to {
			asked = append(asked, l.h.ask(operation{kind: deliver, account: name, mailbox: inbox, names: []string{text.name}}))
		}
		if _, err := w.Write(text.text()); err != nil {
			return err
		}
		if err := w.Close(); err != nil {
			return err
		}
		for _, r := range asked {
			l.h.answer(r, nil)
		}
	}
}

func dial(ctx context.Context, addr string) (net.Conn, error) {
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(talkTime))
}

// login opens an IMAP session.
func login(ctx context.Context, addr, name string) (*imapclient.Client, error) {
	conn, err := dial(ctx, addr)
	if err != nil {
		return nil, err
	}
	session, err := imapLogin(tls.Client(conn, &tls.Config{InsecureSkipVerify: true}), name)
	if err != nil {
		conn.Close()
		return nil, err
	}
	return imapclient.New(session, nil), nil
}

// worker is one IMAP session with its account.
type worker struct {
	*load
	name     string
	r        *rand.Rand
	c        *imapclient.Client
	selected string
	appended int
}

// work does one thing after the other.
func (l *load) work(number int, name string) error {
	c, err := login(l.ctx, l.addrs.imaps, name)
	if err != nil {
		return err
	}
	defer c.Close()
	w := &worker{load: l, name: name, r: rand.New(rand.NewPCG(l.seed, 100+uint64(number))), c: c}
	for {
		if err := w.step(); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
}

// step does one thing that can be done with what there is.
func (w *worker) step() error {
	a := w.h.account(w.name)
	if len(a) > w.fill {
		return w.tidy(a)
	}
	mailbox := append(folders(), inbox)[w.r.IntN(3)]
	if mailbox == inbox {
		if err := w.learn(); err != nil {
			return err
		}
		a = w.h.account(w.name)
	}
	names := w.pick(a, mailbox)
	to := folders()[w.r.IntN(2)]
	what := w.r.IntN(10)
	if len(names) == 0 || what < 3 {
		return w.append(to)
	}
	if what < 6 {
		return w.flag(mailbox, names)
	}
	if what == 6 {
		return w.expunge(a, mailbox, names)
	}
	names = slices.DeleteFunc(names, func(n string) bool { _, there := a[place{to, n}]; return there })
	if to == mailbox || len(names) == 0 {
		return nil
	}
	if what == 7 {
		return w.copy(a, mailbox, to, names)
	}
	return w.move(a, mailbox, to, names)
}

// pick chooses some of a mailbox's letters whose UIDs are known, in their order.
func (w *worker) pick(a account, mailbox string) []string {
	names := known(a, mailbox)
	if len(names) == 0 {
		return nil
	}
	first := w.r.IntN(len(names))
	return names[first:min(len(names), first+1+w.r.IntN(8))]
}

func known(a account, mailbox string) []string {
	var names []string
	for at, e := range a {
		if at.mailbox == mailbox && e.uid != 0 {
			names = append(names, at.name)
		}
	}
	slices.SortFunc(names, func(x, y string) int {
		return int(a[place{mailbox, x}].uid) - int(a[place{mailbox, y}].uid)
	})
	return names
}

func uidSet(a account, mailbox string, names []string) imap.UIDSet {
	var set imap.UIDSet
	for _, name := range names {
		set.AddNum(imap.UID(a[place{mailbox, name}].uid))
	}
	return set
}

func (w *worker) sel(mailbox string) error {
	if w.selected == mailbox {
		return nil
	}
	if _, err := w.c.Select(mailbox, nil).Wait(); err != nil {
		return fmt.Errorf("select %s: %w", mailbox, err)
	}
	w.selected = mailbox
	return nil
}

// learn finds the UIDs of what was delivered.
func (w *worker) learn() error {
	if err := w.sel(inbox); err != nil {
		return err
	}
	section := &imap.FetchItemBodySection{Specifier: imap.PartSpecifierHeader, HeaderFields: []string{field}, Peek: true}
	list, err := w.c.Fetch(imap.UIDSet{{Start: 1}}, &imap.FetchOptions{UID: true, BodySection: []*imap.FetchItemBodySection{section}}).Collect()
	if err != nil {
		return fmt.Errorf("fetch: %w", err)
	}
	a := w.h.account(w.name)
	for _, m := range list {
		_, value, _ := strings.Cut(string(m.FindBodySection(section)), ": ")
		name, _, _ := strings.Cut(value, " ")
		if e, there := a[place{inbox, name}]; there && e.uid == 0 {
			w.h.answer(w.h.ask(operation{kind: learn, account: w.name, mailbox: inbox, names: []string{name}}), []uint32{uint32(m.UID)})
		}
	}
	return nil
}

// flags is a choice of them.
func (w *worker) flags() []string {
	all := []string{`\Answered`, `\Draft`, `\Flagged`, `\Seen`, "$Forwarded", "invoice"}
	w.r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	return all[:1+w.r.IntN(3)]
}

func asFlags(list []string) []imap.Flag {
	flags := make([]imap.Flag, 0, len(list))
	for _, f := range list {
		flags = append(flags, imap.Flag(f))
	}
	return flags
}

func (w *worker) append(to string) error {
	w.appended++
	text := letter{fmt.Sprintf("%s.%s.%d", w.label, w.name, w.appended), size(w.r)}
	o := operation{kind: add, account: w.name, mailbox: to, names: []string{text.name}, flags: w.flags()}
	raw := text.text()
	r := w.h.ask(o)
	c := w.c.Append(to, int64(len(raw)), &imap.AppendOptions{Flags: asFlags(o.flags)})
	if _, err := c.Write(raw); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	if err := c.Close(); err != nil {
		return fmt.Errorf("append: %w", err)
	}
	data, err := c.Wait()
	if err != nil {
		return fmt.Errorf("append: %w", err)
	}
	w.h.answer(r, []uint32{uint32(data.UID)})
	return nil
}

func (w *worker) flag(mailbox string, names []string) error {
	mode := []string{"+", "-", "="}[w.r.IntN(3)]
	return w.store(operation{kind: flag, account: w.name, mailbox: mailbox, names: names, mode: mode, flags: w.flags()})
}

func (w *worker) store(o operation) error {
	if err := w.sel(o.mailbox); err != nil {
		return err
	}
	op := map[string]imap.StoreFlagsOp{"+": imap.StoreFlagsAdd, "-": imap.StoreFlagsDel, "=": imap.StoreFlagsSet}[o.mode]
	set := uidSet(w.h.account(w.name), o.mailbox, o.names)
	r := w.h.ask(o)
	if err := w.c.Store(set, &imap.StoreFlags{Op: op, Flags: asFlags(o.flags), Silent: true}, nil).Close(); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	w.h.answer(r, nil)
	return nil
}

func (w *worker) expunge(a account, mailbox string, names []string) error {
	if err := w.store(operation{kind: flag, account: w.name, mailbox: mailbox, names: names, mode: "+", flags: []string{`\Deleted`}}); err != nil {
		return err
	}
	r := w.h.ask(operation{kind: expunge, account: w.name, mailbox: mailbox, names: names})
	if err := w.c.UIDExpunge(uidSet(a, mailbox, names)).Close(); err != nil {
		return fmt.Errorf("expunge: %w", err)
	}
	w.h.answer(r, nil)
	return nil
}

func (w *worker) copy(a account, from, to string, names []string) error {
	if err := w.sel(from); err != nil {
		return err
	}
	r := w.h.ask(operation{kind: copied, account: w.name, mailbox: from, to: to, names: names})
	data, err := w.c.Copy(uidSet(a, from, names), to).Wait()
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	w.h.answer(r, numbers(data.DestUIDs))
	return nil
}

func (w *worker) move(a account, from, to string, names []string) error {
	if err := w.sel(from); err != nil {
		return err
	}
	r := w.h.ask(operation{kind: moved, account: w.name, mailbox: from, to: to, names: names})
	data, err := w.c.Move(uidSet(a, from, names), to).Wait()
	if err != nil {
		return fmt.Errorf("move: %w", err)
	}
	uids, _ := data.DestUIDs.(imap.UIDSet)
	w.h.answer(r, numbers(uids))
	return nil
}

// numbers lists a set; never nil, so that an answer without UIDs is seen as one with too few.
func numbers(set imap.UIDSet) []uint32 {
	list := []uint32{}
	uids, _ := set.Nums()
	for _, uid := range uids {
		list = append(list, uint32(uid))
	}
	return list
}

// tidy expunges a good part of the fullest mailbox.
func (w *worker) tidy(a account) error {
	n := make(map[string]int)
	for at := range a {
		n[at.mailbox]++
	}
	mailbox := slices.MaxFunc(slices.Sorted(maps.Keys(n)), func(x, y string) int { return n[x] - n[y] })
	if mailbox == inbox {
		if err := w.learn(); err != nil {
			return err
		}
		a = w.h.account(w.name)
	}
	names := known(a, mailbox)
	return w.expunge(a, mailbox, names[:min(20, len(names))])
}
