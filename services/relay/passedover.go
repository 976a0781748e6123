package relay

import (
	"sync"
	"time"
)

// passOver is for how long a smart host that was not reached is not called again where
// mail can go direct: else each message would wait until its call has timed out.
const passOver = 5 * time.Minute

// maxPassedOver bounds the memory for smart hosts; there are a few.
const maxPassedOver = 1000

// passedOver remembers which smart hosts were not reached, and until when that counts.
type passedOver struct {
	mu    sync.Mutex
	until map[Route]time.Time
}

func (p *passedOver) has(r Route) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Before(p.until[r])
}

func (p *passedOver) add(r Route) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.until == nil || len(p.until) >= maxPassedOver {
		p.until = make(map[Route]time.Time)
	}
	p.until[r] = time.Now().Add(passOver)
}
