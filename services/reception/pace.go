package reception

import (
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// paceBurst is what an account's programs may ask at once: one that fetches and
	// deletes a mailbox of 10,000 messages one by one comes to 20,000 commands.
	paceBurst = 30_000
	// paceRate is how many commands a second go on from there. A program that waits
	// for each answer comes to some thousand in a LAN; a NOOP costs some 10 µs, so
	// who does nothing but that keeps a fiftieth of one core busy.
	paceRate = 2_000
	// paceDebt is how many more there may be before somebody waits: waits of less than
	// 10 ms cost more than they spare.
	paceDebt = paceRate / 100
)

// Pace bounds how many commands a second an account's sessions give together. Nobody
// is refused anything: who is too fast waits, and his programs with him, and the
// others have the machine. The zero value is ready; its methods may be called by any
// number of goroutines. It keeps some 50 bytes for each account that ever came.
type Pace struct {
	mu       sync.Mutex
	accounts map[mail.AccountID]bucket
}

// bucket holds what may still be asked at a time.
type bucket struct {
	left float64 // below 0: a debt
	at   time.Time
}

// Command counts one and returns how long its session has to wait before the next; 0
// nearly always. Sessions of one account share the bound, so the wait grows with their
// number: 500 wait a quarter of a second at most.
func (p *Pace) Command(account mail.AccountID, now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	b, known := p.accounts[account]
	if !known {
		b = bucket{left: paceBurst, at: now}
		if p.accounts == nil {
			p.accounts = make(map[mail.AccountID]bucket)
		}
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.left = min(paceBurst, b.left+passed.Seconds()*paceRate)
		b.at = now
	}
	b.left--
	p.accounts[account] = b
	if b.left > -paceDebt {
		return 0
	}
	return time.Duration(-b.left * float64(time.Second) / paceRate)
}
