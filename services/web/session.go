package web

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// cookieName has the __Host- prefix: browsers take it only over https, for the
// whole host, and never from a neighbour's page (RFC 6265bis §4.1.3.2).
const cookieName = "__Host-sanduk"

type sessionKey [sha256.Size]byte

// session is one signed-in browser.
type session struct {
	account mail.AccountID
	created time.Time
	proved  time.Time // when it was shown last who sits there
	seen    time.Time
	agent   string     // what the browser called itself when it signed in
	peer    netip.Addr // from where it was last seen
}

// sessions keeps who is signed in, in memory. Only hashes of the cookies are
// kept, so that a dump of the memory doesn't sign anybody in.
type sessions struct {
	now func() time.Time

	mu    sync.Mutex
	m     map[sessionKey]*session
	ends  uint64                    // how many times endAll was called
	ended map[mail.AccountID]uint64 // ends at the last time for the account
}

// mark is taken before a password is looked at, for start.
func (s *sessions) mark() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ends
}

// start opens a session and returns the cookie's value. It doesn't when endAll
// has ended the account's sessions since mark: the password that was right then
// may not be any more.
func (s *sessions) start(account mail.AccountID, mark uint64, agent string, peer netip.Addr) (value string, ok bool) {
	var secret [32]byte
	rand.Read(secret[:])
	value = base64.RawURLEncoding.EncodeToString(secret[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.now()
	if s.m == nil {
		s.m = make(map[sessionKey]*session)
	}
	if s.ended[account] > mark {
		return "", false
	}
	s.makeRoom(account, now)
	s.m[sessionKeyOf(value)] = &session{account: account, created: now, seen: now, proved: now, agent: agent, peer: peer}
	return value, true
}

// makeRoom drops what is over, and the longest unused when there are too many.
func (s *sessions) makeRoom(account mail.AccountID, now time.Time) {
	own := 0
	var oldest, oldestOwn sessionKey
	var t, tOwn time.Time
	for k, v := range s.m {
		if v.over(now) {
			delete(s.m, k)
			continue
		}
		if t.IsZero() || v.seen.Before(t) {
			oldest, t = k, v.seen
		}
		if v.account == account {
			if own++; tOwn.IsZero() || v.seen.Before(tOwn) {
				oldestOwn, tOwn = k, v.seen
			}
		}
	}
	switch {
	case own >= maxAccountSessions:
		delete(s.m, oldestOwn)
	case len(s.m) >= maxSessions:
		delete(s.m, oldest)
	}
}

func (v *session) over(now time.Time) bool {
	return now.Sub(v.seen) >= sessionIdle || now.Sub(v.created) >= sessionLife
}

// find tells who a cookie belongs to, and remembers from where it came.
func (s *sessions) find(value string, peer netip.Addr) (mail.AccountID, bool) {
	key := sessionKeyOf(value)
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.m[key]
	now := s.now()
	if v == nil || v.over(now) {
		delete(s.m, key)
		return 0, false
	}
	v.seen, v.peer = now, peer
	return v.account, true
}

// prove notes that whoever has the cookie has shown who they are once more.
func (s *sessions) prove(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v := s.m[sessionKeyOf(value)]; v != nil {
		v.proved = s.now()
	}
}

// proved says whether that was not long ago.
func (s *sessions) proved(value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.m[sessionKeyOf(value)]
	return v != nil && s.now().Sub(v.proved) < sureFor
}

// alive says whether a cookie's session goes on. It isn't used by that.
func (s *sessions) alive(value string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.m[sessionKeyOf(value)]
	return v != nil && !v.over(s.now())
}

// end closes one session.
func (s *sessions) end(value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, sessionKeyOf(value))
}

// shownSession is a session as its owner may see it. The key names it to end it: it is a hash,
// of which nobody makes a cookie.
type shownSession struct {
	session
	key sessionKey
}

// list gives an account's sessions, the one that was used last first.
func (s *sessions) list(account mail.AccountID) []shownSession {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []shownSession
	now := s.now()
	for k, v := range s.m {
		if v.account == account && !v.over(now) {
			all = append(all, shownSession{*v, k})
		}
	}
	slices.SortFunc(all, func(a, b shownSession) int {
		return cmp.Or(b.seen.Compare(a.seen), bytes.Compare(a.key[:], b.key[:]))
	})
	return all
}

// endKey closes a session by its key.
func (s *sessions) endKey(key sessionKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.m, key)
}

// endAll closes every session of an account but the one with the cookie keep.
func (s *sessions) endAll(account mail.AccountID, keep string) {
	kept := sessionKeyOf(keep)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended == nil {
		s.ended = make(map[mail.AccountID]uint64)
	}
	s.ends++
	s.ended[account] = s.ends
	for k, v := range s.m {
		if v.account == account && k != kept {
			delete(s.m, k)
		}
	}
}

// sessionKeyOf is under which a cookie's session is kept.
func sessionKeyOf(value string) sessionKey { return sha256.Sum256([]byte(value)) }

func setCookie(w http.ResponseWriter, value string, age time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: value, Path: "/", MaxAge: int(age.Seconds()),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteStrictMode,
	})
}

func cookieOf(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return ""
	}
	return c.Value
}
