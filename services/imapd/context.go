package imapd

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// liveResult is the result of a SEARCH or SORT with UPDATE: the client is told
// what comes into it and what leaves it (RFC 5267 §4.3).
type liveResult struct {
	tag    string
	search search
	by     []sortKey // nil: in the mailbox's order
	result
	matched mail.UIDSet // of what has changed just now, what belongs to it
}

// follow begins to follow a result. When there are too many already the client is
// told that it won't be told (RFC 5267 §4.3.1).
func (s *session) follow(c *search, r result, by []sortKey) {
	if len(s.view.live) >= maxLive || r.len() > maxLiveResults {
		s.noUpdate(s.tag, "OK", "There is too much to follow already")
		return
	}
	if slices.ContainsFunc(by, func(k sortKey) bool { return k.field == "RELEVANCY" }) {
		s.noUpdate(s.tag, "OK", "An order of relevancy can't be followed")
		return
	}
	if s.view.live == nil {
		s.view.live = map[string]*liveResult{}
	}
	r.order, r.weights = slices.Clone(r.order), nil
	if by != nil && r.order == nil {
		r.order = []mail.UID{}
	}
	s.view.live[s.tag] = &liveResult{tag: s.tag, search: search{byUID: c.byUID, query: c.query, followItems: c.followItems}, by: by, result: r}
}

// noUpdate says that a result is not followed, or no more.
func (s *session) noUpdate(tag, status, text string) {
	s.w.Raw("* " + status + " [NOUPDATE ")
	s.w.String(tag)
	s.w.Raw("] " + text + "\r\n")
}

// unfollow gives up a result that can't be followed any more.
func (s *session) unfollow(l *liveResult, why string, err error) {
	delete(s.view.live, l.tag)
	s.noUpdate(l.tag, "NO", why)
	if err != nil {
		s.log.Warn("result of a search can't be followed", "mailbox", s.view.mailbox.String(), "err", err)
	}
}

// followed lists the results that are followed, in the order of their tags, so
// that what is told doesn't depend on chance.
func (v *view) followed() []*liveResult {
	list := make([]*liveResult, 0, len(v.live))
	for _, l := range v.live {
		list = append(list, l)
	}
	slices.SortFunc(list, func(a, b *liveResult) int {
		if a.tag < b.tag {
			return -1
		}
		return 1
	})
	return list
}

// liveRemovals tells what leaves the results that are followed. It comes before any
// EXPUNGE: the numbers still mean what they did. Only what has changed is looked
// at.
func (s *session) liveRemovals(ctx context.Context, changes *mail.Changes) {
	if len(s.view.live) == 0 || len(changes.Rows) == 0 && len(changes.Vanished) == 0 {
		return
	}
	var changed mail.UIDSet
	for i := range changes.Rows {
		changed = changed.Add(changes.Rows[i].UID)
	}
	for _, l := range s.view.followed() {
		l.matched = nil
		if len(changed) > 0 {
			var err error
			l.matched, err = s.account.Search(ctx, s.view.mailbox, mail.And{mail.UIDIn{Set: changed}, l.search.query})
			if err != nil {
				s.unfollow(l, "The search can't be followed just now", err)
				continue
			}
		}
		gone := mail.SetOfRanges(slices.Concat(without(changed, l.matched), changes.Vanished)...)
		l.remove(s, gone)
	}
}

// remove takes messages out of the result and tells so (RFC 5267 §4.3.4).
func (l *liveResult) remove(s *session, gone mail.UIDSet) {
	if l.by == nil {
		left := without(l.set, gone)
		if out := without(l.set, left); len(out) > 0 {
			s.correlate(l.tag, l.search.byUID)
			s.w.Raw(" REMOVEFROM (0 ")
			l.search.writeSet(s, result{set: out})
			s.w.Raw(")\r\n")
		}
		l.set = left
		return
	}
	// From the end, so that no place moves before it is told.
	told := false
	for i, uid := range slices.Backward(l.order) {
		if gone.Contains(uid) {
			told = l.place(s, " REMOVEFROM (", told, i, uid)
		}
	}
	if told {
		s.w.Raw(")\r\n")
		l.order = slices.DeleteFunc(l.order, gone.Contains)
	}
}

// place tells one message with its place, counted from 0 here and from 1 on the
// wire; the first begins the response.
func (l *liveResult) place(s *session, name string, told bool, i int, uid mail.UID) bool {
	if told {
		s.w.SP()
	} else {
		s.correlate(l.tag, l.search.byUID)
		s.w.Raw(name)
	}
	s.w.Number(uint64(i + 1))
	s.w.SP()
	s.w.Number(l.search.number(s, uid))
	return true
}

// liveAdditions tells what comes into the results that are followed, when the
// client knows the messages. Of those above last, which are new to it, it is first
// told what UPDATE asked for (RFC 5465 §7). Its error ends the session: a literal was
// broken off.
func (s *session) liveAdditions(ctx context.Context, last mail.UID) error {
	if len(s.view.live) == 0 {
		return nil
	}
	for _, l := range s.view.followed() {
		matched := without(s.view.known(l.matched), s.view.gone)
		l.matched = nil
		if len(matched) == 0 {
			continue
		}
		if l.len()+matched.Len() > maxLiveResults {
			s.unfollow(l, "The result has become too large to be followed", nil)
			continue
		}
		err := s.fetchUnasked(ctx, l.search.followItems, within(matched, mail.UIDSet{{First: last + 1, Last: math.MaxUint32}}))
		if err == nil {
			err = l.add(ctx, s, matched)
		}
		if errors.Is(err, errHangUp) {
			return err
		}
		if err != nil {
			s.unfollow(l, "The search can't be followed just now", err)
		}
	}
	return nil
}

// add puts messages into the result and tells so (RFC 5267 §4.3.3).
func (l *liveResult) add(ctx context.Context, s *session, matched mail.UIDSet) error {
	if l.by == nil {
		added := without(matched, l.set)
		if len(added) == 0 {
			return nil
		}
		l.set = mail.SetOfRanges(slices.Concat(l.set, added)...)
		s.correlate(l.tag, l.search.byUID)
		s.w.Raw(" ADDTO (0 ")
		l.search.writeSet(s, result{set: added})
		s.w.Raw(")\r\n")
		return nil
	}
	for _, uid := range l.order {
		if matched.Contains(uid) {
			matched = without(matched, mail.SetOf(uid))
		}
	}
	added, err := s.sort(ctx, matched, l.by)
	if err != nil {
		return err
	}
	places := make([]int, len(added))
	for n, uid := range added {
		if places[n], err = s.placeIn(ctx, l.order, uid, l.by); err != nil {
			return err
		}
		l.order = slices.Insert(l.order, places[n], uid)
	}
	told := false
	for n, uid := range added {
		told = l.place(s, " ADDTO (", told, places[n], uid)
	}
	if told {
		s.w.Raw(")\r\n")
	}
	return nil
}

// placeIn finds where a message belongs in an order, asking for a few of the others.
func (s *session) placeIn(ctx context.Context, order []mail.UID, uid mail.UID, by []sortKey) (int, error) {
	var failed error
	place := sort.Search(len(order), func(i int) bool {
		pair, err := s.sort(ctx, mail.SetOf(uid, order[i]), by)
		if err != nil || len(pair) != 2 {
			// One that has gone since: the next update takes it out of the order.
			failed = err
			return true
		}
		return pair[0] == uid
	})
	if failed != nil {
		return 0, fmt.Errorf("place message %d: %w", uid, failed)
	}
	return place, nil
}

// cancelUpdate is CANCELUPDATE (RFC 5267 §4.3.5): results of these tags are
// followed no more. One that isn't is no error: the server may have given it up.
type cancelUpdate struct{ tags []string }

func parseCancelUpdate(p *parser) request {
	var c cancelUpdate
	p.SP()
	c.tags = append(c.tags, p.String())
	for p.Accept(' ') {
		if len(c.tags) >= maxLive {
			p.Failf("more than %d searches can't be followed", maxLive)
		}
		c.tags = append(c.tags, p.String())
	}
	return c
}

func (c cancelUpdate) run(_ context.Context, s *session) error {
	for _, tag := range c.tags {
		delete(s.view.live, tag)
	}
	return nil
}
