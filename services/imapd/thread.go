package imapd

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/message"
)

// threading is THREAD and UID THREAD (RFC 5256 §3).
type threading struct {
	search
	by threadAlgorithm
}

// threadAlgorithm is one of those below, in upper case.
type threadAlgorithm string

const (
	orderedSubject threadAlgorithm = "ORDEREDSUBJECT"
	references     threadAlgorithm = "REFERENCES"
	// refs is REFERENCES without regard to subjects, and with the threads in order of
	// what was received last in each (draft-ietf-morg-inthread §3).
	refs threadAlgorithm = "REFS"
)

func parseThread(byUID bool) func(*parser) request {
	return func(p *parser) request {
		c := threading{search: search{byUID: byUID, wholly: true}}
		p.SP()
		c.by = threadAlgorithm(p.Keyword())
		if p.Err() == nil && c.by != orderedSubject && c.by != references && c.by != refs {
			p.Failf("there is no way of threading called %.30s", string(c.by))
		}
		p.SP()
		c.charset = strings.ToUpper(p.AString())
		p.SP()
		c.criteria(p, "")
		return c
	}
}

func (c threading) run(ctx context.Context, s *session) error {
	found, err := c.find(ctx, s)
	if err != nil {
		return err
	}
	var list []threaded
	goal := found.Len()
	for m, err := range s.account.Summaries(ctx, s.view.mailbox, found) {
		if err != nil {
			return fmt.Errorf("thread mailbox %s: %w", s.view.mailbox, err)
		}
		list = append(list, threaded{
			uid: m.Row.UID, received: m.Row.Internal.Unix(), sent: m.Summary.SentOr(m.Row.Internal),
			subject: m.Summary.Subject(), reply: m.Summary.Reply, id: m.Summary.ID, references: m.Summary.References,
		})
		s.working(len(list), goal)
	}
	var threads []*container
	if c.by == orderedSubject {
		threads = bySubject(list)
	} else if threads, err = byReferences(ctx, list, c.by); err != nil {
		return err
	}
	c.writeThreads(s, threads)
	return nil
}

// threaded is what threading knows of a message.
type threaded struct {
	uid            mail.UID
	received, sent int64 // Unix seconds
	subject        string
	reply          bool
	id             message.IDHash
	references     []message.IDHash
}

// container is a place in a thread.
type container struct {
	*threaded // nil: a dummy for a message that is not there
	parent    *container
	children  []*container
	place     int  // among the containers, in the order in which they were made
	merged    bool // it is no thread of its own any more
}

// bySubject is ORDEREDSUBJECT: threads of the same base subject, each in the order
// in which it was sent, and so the threads by their first messages.
func bySubject(list []threaded) []*container {
	all := make([]*container, len(list))
	for i := range list {
		all[i] = &container{threaded: &list[i]}
	}
	slices.SortFunc(all, func(a, b *container) int {
		return cmp.Or(strings.Compare(a.subject, b.subject), bySent(a, b))
	})
	var threads []*container
	for _, c := range all {
		if n := len(threads); n > 0 && threads[n-1].subject == c.subject {
			threads[n-1].children = append(threads[n-1].children, c)
		} else {
			threads = append(threads, c)
		}
	}
	slices.SortFunc(threads, bySent)
	return threads
}

// first is the message that a container is sorted as: a dummy as its first child
// (RFC 5256 §3, REFERENCES (4)). Dummies that are left have children with
// messages.
func (c *container) first() *threaded {
	for c.threaded == nil {
		c = c.children[0]
	}
	return c.threaded
}

// bySent orders siblings; those of the same second by where they stand in the
// mailbox.
func bySent(a, b *container) int {
	x, y := a.first(), b.first()
	return cmp.Or(cmp.Compare(x.sent, y.sent), cmp.Compare(x.uid, y.uid))
}

// writeThreads is the THREAD response (RFC 5256 §4). It walks with a stack of its
// own: how deep threads are is up to whoever wrote the messages.
func (c *threading) writeThreads(s *session, threads []*container) {
	s.w.Raw("* THREAD")
	if len(threads) > 0 {
		s.w.SP()
	}
	type step struct {
		*container
		end bool // of a branch
	}
	for _, thread := range threads {
		stack := []step{{container: thread}}
		for len(stack) > 0 {
			at := stack[len(stack)-1]
			stack = stack[:len(stack)-1]
			if at.end {
				s.w.Byte(')')
				continue
			}
			s.w.Byte('(')
			stack = append(stack, step{end: true})
			// Down to where it branches.
			one := at.container
			for separate := false; ; separate = true {
				if one.threaded != nil {
					if separate {
						s.w.SP()
					}
					s.w.Number(c.number(s, one.uid))
				}
				if len(one.children) != 1 {
					break
				}
				one = one.children[0]
			}
			if len(one.children) > 0 && one.threaded != nil {
				s.w.SP()
			}
			for _, child := range slices.Backward(one.children) {
				stack = append(stack, step{container: child})
			}
		}
	}
	s.w.CRLF()
}
