package imapd

import (
	"sync"
	"time"
)

const (
	// progressAfter is how long a command may be silent before its client hears
	// that it is still worked on, progressEvery how often it then does: sooner than
	// people and connection trackers lose patience, and too rarely to cost anything
	// (RFC 9585 §4 asks for ten seconds or more between two).
	progressAfter = 5 * time.Second
	progressEvery = 10 * time.Second
	// progressRows is after how many rows a walk looks at the clock.
	progressRows = 256
)

// heard says that the client was busy until now: its patience begins here.
func (s *session) heard() { s.nextProgress = time.Now().Add(progressAfter) }

// working is called while a command walks over messages, between two responses:
// from time to time, if there is a command, it tells that done of goal are behind it (RFC 9585).
func (s *session) working(done, goal int) {
	if done%progressRows != 0 || s.tag == "" || time.Now().Before(s.nextProgress) {
		return
	}
	s.nextProgress = time.Now().Add(progressEvery)
	if done >= goal { // RFC 9585 §4: progress that can't be right is not told
		s.tellProgress("NIL NIL")
		return
	}
	s.tellProgress(decimal(uint64(done)) + " " + decimal(uint64(goal)))
}

// tellProgress writes the response and sends it. An error of the connection is
// met by whoever writes next.
func (s *session) tellProgress(how string) {
	s.w.Raw("* OK [INPROGRESS (")
	s.w.String(s.tag)
	s.w.Raw(" " + how + ")] Still working on it\r\n")
	_ = s.w.Flush()
}

// await does what takes as long as it takes, and can't say how far it is, between
// two responses. Nothing else writes until it returns.
func await[T any](s *session, work func() (T, error)) (T, error) {
	var mu sync.Mutex
	over := false
	var timer *time.Timer
	mu.Lock()
	timer = time.AfterFunc(max(0, time.Until(s.nextProgress)), func() {
		mu.Lock()
		defer mu.Unlock()
		if over {
			return
		}
		s.nextProgress = time.Now().Add(progressEvery)
		s.tellProgress("NIL NIL")
		timer.Reset(progressEvery)
	})
	mu.Unlock()
	defer func() {
		mu.Lock() // a response that is being written is finished first
		defer mu.Unlock()
		over = true
		timer.Stop()
	}()
	return work()
}
