package pop3d

import (
	"fmt"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// early refuses a log-in that comes before the account's delay is over (RFC 2449
// §6.5, §8.1.1). It is asked once the password has been found right, so a guess learns
// nothing. A restart forgets it: the delay is against programs that poll too often.
func (s *Server) early(id mail.AccountID) error {
	delay := s.rules(id).LoginDelay
	s.mu.Lock()
	defer s.mu.Unlock()
	last, known := s.last[id]
	if delay == 0 || !known {
		return nil
	}
	if left := time.Until(last.Add(delay)); left > 0 {
		seconds := int((left + time.Second - 1) / time.Second)
		return &Error{Code: codeDelay, Text: fmt.Sprintf("You may log in again in %d seconds", seconds)}
	}
	return nil
}

// entered notes a log-in.
func (s *Server) entered(id mail.AccountID, delay time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if delay == 0 {
		delete(s.last, id)
		return
	}
	s.last[id] = time.Now()
}
