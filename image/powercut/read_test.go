package powercut

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/emersion/go-imap/v2"
	"github.com/emersion/go-imap/v2/imapclient"
)

// view is what can be seen of the box from outside.
type view struct {
	got      map[string][]found // by IMAP
	after    map[string][]found // once something was put back
	problems []problem          // where other views differ from that
	times    stopwatch          // of one of those who read
}

// stopwatch says what took how long.
type stopwatch struct {
	last  time.Time
	spent map[string]time.Duration
	names []string
}

func newStopwatch() stopwatch {
	return stopwatch{last: time.Now(), spent: make(map[string]time.Duration)}
}

// lap counts the time since the last one as what.
func (s *stopwatch) lap(what string) {
	now := time.Now()
	if _, ok := s.spent[what]; !ok {
		s.names = append(s.names, what)
	}
	s.spent[what] += now.Sub(s.last)
	s.last = now
}

func (s *stopwatch) String() string {
	var b strings.Builder
	for i, name := range s.names {
		if i > 0 {
			b.WriteString(", ")
		}
		fmt.Fprintf(&b, "%s %.1f s", name, s.spent[name].Seconds())
	}
	return b.String()
}

// readAll reads everything in everybody's mailboxes over IMAP. Searches must find each letter, POP3 must show the same,
// and what was expunged and is due must be there to be put back.
func readAll(ctx context.Context, addrs addresses, removals []removal, retention time.Duration) (*view, error) {
	v := &view{make(map[string][]found), make(map[string][]found), nil, newStopwatch()}
	signed := sync.OnceValues(func() (*pages, error) { return signIn(ctx, addrs.https) })
	var all sync.WaitGroup
	all.Go(func() { _, _ = signed() }) // whoever needs it gets the error
	var mu sync.Mutex
	var errs []error
	for _, name := range people() {
		all.Go(func() {
			own := slices.DeleteFunc(slices.Clone(removals), func(r removal) bool { return r.account != name })
			a, err := readPerson(ctx, addrs, signed, name, own, retention)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				errs = append(errs, fmt.Errorf("read what %s has: %w", name, err))
				return
			}
			v.got[name], v.after[name], v.times = a.got, a.after, a.times
			v.problems = append(v.problems, a.problems...)
		})
	}
	all.Wait()
	if p, err := signed(); err == nil {
		p.close()
	}
	return v, errors.Join(errs...)
}

// personView is one account's part of a view.
type personView struct {
	got, after []found
	problems   []problem
	times      stopwatch
}

func readPerson(ctx context.Context, addrs addresses, signed func() (*pages, error), name string, removals []removal, retention time.Duration) (*personView, error) {
	v := &personView{times: newStopwatch()}
	c, err := login(ctx, addrs.imaps, name)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	v.times.lap("log-in")
	if v.got, err = readAccount(c); err != nil {
		return nil, err
	}
	v.times.lap("IMAP")
	pop, err := readPOP(ctx, addrs.pop3s, name)
	if err != nil {
		return nil, fmt.Errorf("POP3: %w", err)
	}
	v.problems = comparePOP(name, pop, v.got)
	v.times.lap("POP3")
	missed, err := searchFor(c, name, v.got)
	if err != nil {
		return nil, err
	}
	v.problems = append(v.problems, missed...)
	v.times.lap("search")
	p, err := signed()
	if err != nil {
		return nil, err
	}
	v.times.lap("waiting for the pages")
	after, wrong, err := undo(ctx, c, p, name, removals, retention, v.got)
	if err != nil {
		return nil, fmt.Errorf("undo: %w", err)
	}
	v.after = after
	v.problems = append(v.problems, wrong...)
	v.times.lap("undo")
	_ = c.Logout().Wait() // nothing depends on it
	return v, nil
}

// maxSearches bounds the searches in one mailbox, the oldest letters and the newest, which an index may not have yet: each
// goes through all words that there are, and those of our letters are all different.
const maxSearches = 6

// some of the letters of a mailbox are looked for.
func some(list []found) []found {
	n := len(list)
	if n <= maxSearches {
		return list
	}
	return append(slices.Clone(list[:maxSearches/2]), list[n-maxSearches/2:]...)
}

// searchFor looks for a word of the letters, of the first in the whole mailbox, where it must find this one and no
// other; of the others only at their place: what the index does not have yet is read for each search.
func searchFor(c *imapclient.Client, name string, got []found) ([]problem, error) {
	byBox := make(map[string][]found)
	for _, f := range got {
		if f.word != "" && f.why == "" {
			byBox[f.mailbox] = append(byBox[f.mailbox], f)
		}
	}
	var problems []problem
	for mailbox, list := range byBox {
		list = some(list)
		if _, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait(); err != nil {
			return nil, err
		}
		asked := make([]*imapclient.SearchCommand, len(list))
		for i, f := range list {
			criteria := &imap.SearchCriteria{Body: []string{f.word}}
			if i > 0 {
				criteria.UID = []imap.UIDSet{imap.UIDSetNum(imap.UID(f.uid))}
			}
			asked[i] = c.UIDSearch(criteria, nil)
		}
		for i, f := range list {
			data, err := asked[i].Wait()
			if err != nil {
				return nil, fmt.Errorf("search for %s: %w", f.word, err)
			}
			if uids := data.AllUIDs(); len(uids) != 1 || uint32(uids[0]) != f.uid {
				problems = append(problems, problem{unfound, fmt.Sprintf("%s: a word of %s in %s, UID %d, is found in %v", name, f.name, mailbox, f.uid, uids)})
			}
		}
	}
	return problems, nil
}

func readAccount(c *imapclient.Client) ([]found, error) {
	list, err := c.List("", "*", nil).Collect()
	if err != nil {
		return nil, err
	}
	var all []found
	for _, m := range list {
		got, err := readMailbox(c, m.Mailbox)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", m.Mailbox, err)
		}
		all = append(all, got...)
	}
	return all, nil
}

// readMailbox reads message by message, so that only one is in memory.
func readMailbox(c *imapclient.Client, mailbox string) ([]found, error) {
	data, err := c.Select(mailbox, &imap.SelectOptions{ReadOnly: true}).Wait()
	if err != nil {
		return nil, err
	}
	if data.NumMessages == 0 {
		return nil, nil
	}
	section := &imap.FetchItemBodySection{Peek: true}
	fetch := c.Fetch(imap.SeqSet{{Start: 1}}, &imap.FetchOptions{UID: true, Flags: true, BodySection: []*imap.FetchItemBodySection{section}})
	var all []found
	for m := fetch.Next(); m != nil; m = fetch.Next() {
		b, err := m.Collect()
		if err != nil {
			fetch.Close()
			return nil, err
		}
		f := found{mailbox: mailbox, validity: data.UIDValidity, uid: uint32(b.UID), flags: imapFlags(b.Flags)}
		raw := b.FindBodySection(section)
		f.name, f.why = whole(raw)
		f.word = word(raw)
		all = append(all, f)
	}
	if err := fetch.Close(); err != nil {
		return nil, err
	}
	if len(all) != int(data.NumMessages) {
		return nil, fmt.Errorf("%d messages were counted and %d read", data.NumMessages, len(all))
	}
	return all, nil
}

func imapFlags(flags []imap.Flag) string {
	var list []string
	for _, f := range flags {
		if f != `\Recent` {
			list = append(list, string(f))
		}
	}
	slices.Sort(list)
	return join(list)
}
