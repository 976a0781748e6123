package web

import (
	"sync"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// places bounds what keeps the disk busy for long: mail on its way in or out, and rules that
// are tried on past mail. Safe for use by several goroutines; in the zero value nobody is in.
type places struct {
	mu  sync.Mutex
	all int
	own map[mail.AccountID]bool // whose own it is
}

// enter lets somebody in who calls leave in the end. An account that moves its own mail is
// named, 0 is an administrator: each account is in once, and all of them leave a place to
// administrators, for a slow line holds one for hours.
func (p *places) enter(own mail.AccountID) (leave func(), ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.all == maxMoving || own != 0 && (p.own[own] || len(p.own) == maxMovingOwn) {
		return nil, false
	}
	p.all++
	if own != 0 {
		if p.own == nil {
			p.own = make(map[mail.AccountID]bool)
		}
		p.own[own] = true
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.all--
		delete(p.own, own)
	}, true
}
