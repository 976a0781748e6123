package collect

import (
	"cmp"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/setup"
)

// Status is how collecting from a source goes. Counts are since the start.
type Status struct {
	Key        SourceKey
	Protocol   setup.Protocol
	Host, User string
	Into       string    // the address or domain that the mail is for
	Last       time.Time // when it was last tried; zero: not yet
	LastGood   time.Time // when that last went well
	Next       time.Time // when it is tried next
	Running    bool      // it is going on
	Paused     bool      // somebody wants nothing collected for now
	Listening  bool      // the server says by itself when there is mail
	Problem    string    // what was wrong the last time, in plain words; "" if nothing was
	Collected  int       // messages
	Unsorted   int       // of these, went to the administrator because they name nobody
	Deleted    int       // at the provider
	TooLarge   int       // stay at the provider: larger than the box takes
	Waiting    int       // stay there for now, Problem says why
}

// ErrNoSource says that nothing is collected from there.
var ErrNoSource = errors.New("nothing is collected from there")

// List gives the status of all sources, by server and user. It waits for nothing.
func (c *Collector) List() []Status {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := make([]Status, 0, len(c.workers))
	for _, w := range c.workers {
		w.mu.Lock()
		list = append(list, w.status)
		w.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b Status) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.User, b.User), cmp.Compare(a.Protocol, b.Protocol))
	})
	return list
}

// Now has mail collected at once: from the sources of this user, or of this key, or
// from all where user is "". It does not wait for it, and wakes nothing that is paused.
func (c *Collector) Now(user string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	found := user == ""
	for _, w := range c.workers {
		if user != "" && !strings.EqualFold(w.source.User, user) && w.source.Key().String() != user {
			continue
		}
		found = true
		select {
		case w.now <- struct{}{}:
		default: // it has been asked for
		}
	}
	if !found {
		return ErrNoSource
	}
	return nil
}
