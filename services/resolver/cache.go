package resolver

import (
	"container/list"
	"sync"
	"time"
)

// How much is kept, and for how long.
const (
	// cacheBytes is what the cache may take. An office's mail asks for some
	// thousand names a day, of some hundred bytes each.
	cacheBytes = 8 << 20
	// maxTTL ends what a zone wants kept for weeks: its owner may have erred.
	maxTTL = 6 * time.Hour
	// maxNoneTTL: who was told of a missing record publishes it within minutes.
	maxNoneTTL = 15 * time.Minute
	// minTTL keeps one message's judging from asking the same again and again.
	minTTL = time.Second
)

// cache keeps values until they expire, and the ones used last when there are
// too many bytes of them.
type cache[K comparable, V any] struct {
	limit int

	mu    sync.Mutex
	bytes int
	byKey map[K]*list.Element
	order list.List // of *cached[K, V], used last in front
}

type cached[K comparable, V any] struct {
	key     K
	value   V
	bytes   int
	expires time.Time
}

func newCache[K comparable, V any](limit int) *cache[K, V] {
	return &cache[K, V]{limit: limit, byKey: make(map[K]*list.Element)}
}

func (c *cache[K, V]) get(key K) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byKey[key]
	if !ok {
		var none V
		return none, false
	}
	entry := e.Value.(*cached[K, V])
	if !time.Now().Before(entry.expires) {
		c.remove(e)
		var none V
		return none, false
	}
	c.order.MoveToFront(e)
	return entry.value, true
}

// put keeps the value, which takes so many bytes. What is larger than a
// hundredth of the cache is not kept: it would drive out too much else.
func (c *cache[K, V]) put(key K, value V, bytes int, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.byKey[key]; ok {
		c.remove(e)
	}
	if bytes > c.limit/100 {
		return
	}
	c.byKey[key] = c.order.PushFront(&cached[K, V]{key, value, bytes, expires})
	for c.bytes += bytes; c.bytes > c.limit; {
		c.remove(c.order.Back())
	}
}

func (c *cache[K, V]) remove(e *list.Element) {
	entry := c.order.Remove(e).(*cached[K, V])
	delete(c.byKey, entry.key)
	c.bytes -= entry.bytes
}
