package relay

import (
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// poolKey is what makes a connection good for a message: the hop, or the smart host
// and its log-in whatever the hop. A session keeps what TLS proved on it.
type poolKey struct {
	hop   mail.Hop
	route Route
}

// pool keeps idle sessions for a while.
type pool struct {
	mu     sync.Mutex
	idle   map[poolKey][]*resting // the newest last
	count  int
	closed bool
	ending sync.WaitGroup // of sessions that say QUIT
}

// resting is an idle session and its end.
type resting struct {
	*session
	timer *time.Timer
}

// take gives an idle session that serves, or nil.
func (p *pool) take(key poolKey, serves func(*session) bool) *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	list := p.idle[key]
	for i := len(list) - 1; i >= 0; i-- {
		if serves(list[i].session) {
			r := list[i]
			p.remove(key, i)
			r.timer.Stop()
			r.old, r.heard = true, 0
			return r.session
		}
	}
	return nil
}

// remove takes a session out. The lock is held.
func (p *pool) remove(key poolKey, i int) {
	if p.idle[key] = slices.Delete(p.idle[key], i, i+1); len(p.idle[key]) == 0 {
		delete(p.idle, key)
	}
	p.count--
}

// put keeps a session for the next message, or ends it.
func (p *pool) put(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || s.over {
		s.close() // nobody waits for those who say QUIT any more
		return
	}
	if s.worn() || p.count >= maxIdle || len(p.idle[s.key]) >= maxIdlePerHop {
		p.end(s)
		return
	}
	if p.idle == nil {
		p.idle = make(map[poolKey][]*resting)
	}
	r := &resting{session: s}
	r.timer = time.AfterFunc(idleTime, func() { p.expire(r) })
	p.idle[s.key] = append(p.idle[s.key], r)
	p.count++
}

// end says QUIT without making anybody wait for it. The lock is held.
func (p *pool) end(s *session) { p.ending.Go(s.quit) }

func (p *pool) expire(r *resting) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if i := slices.Index(p.idle[r.key], r); i >= 0 {
		p.remove(r.key, i)
		p.end(r.session)
	}
}

// close ends all idle sessions, those given back later too, and waits for them.
func (p *pool) close() {
	p.mu.Lock()
	p.closed = true
	for _, list := range p.idle {
		for _, r := range list {
			r.timer.Stop()
			p.end(r.session)
		}
	}
	clear(p.idle)
	p.count = 0
	p.mu.Unlock()
	p.ending.Wait()
}
