package imapd

import "github.com/sanduk-mail/sanduk/services/mail"

// uidRequired is the answer to whoever names messages by their numbers after
// ENABLE UIDONLY (RFC 9586 §3).
func uidRequired() *Error {
	return &Error{Status: BAD, Code: "UIDREQUIRED", Text: "With UIDONLY messages are named by their UIDs only"}
}

// enableUIDOnly turns RFC 9586 on, until the log-in ends: numbers of messages are
// neither taken nor told. What was followed by numbers can't be any more.
func (s *session) enableUIDOnly() {
	s.uidOnly = true
	if s.view == nil {
		return
	}
	for _, l := range s.view.followed() {
		if !l.search.byUID {
			s.unfollow(l, "Numbers of messages are not told any more", nil)
		}
	}
}

// fetchStart begins a FETCH response, up to its first item. With UIDONLY it is
// UIDFETCH, whose number is the UID, and which needs no UID item (RFC 9586 §3.3).
func (s *session) fetchStart(seq mail.SeqNum, uid mail.UID) {
	s.w.Raw("* ")
	if s.uidOnly {
		s.w.Number(uint64(uid))
		s.w.Raw(" UIDFETCH (")
		return
	}
	s.w.Number(uint64(seq))
	s.w.Raw(" FETCH (")
}

// unasked begins a FETCH response that nobody asked for. It says the UID: RFC
// 9051 §7.5.2 lets it, and no client has to guess then.
func (s *session) unasked(seq mail.SeqNum, uid mail.UID) {
	s.fetchStart(seq, uid)
	if !s.uidOnly {
		s.w.Raw("UID ")
		s.w.Number(uint64(uid))
		s.w.SP()
	}
}
