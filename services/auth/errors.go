package auth

import "errors"

// Wrong passwords are mail.ErrDenied, waiting is mail.ErrTryLater. What follows
// is said before a password comes into play.
var (
	// ErrMechanism: there is no mechanism of that name, or not for this session.
	ErrMechanism = errors.New("that log-in mechanism is not offered")
	// ErrNeedsTLS: the mechanism would send the password in clear text.
	ErrNeedsTLS = errors.New("this log-in mechanism needs TLS")
	// ErrMalformed: a response is not what the mechanism calls for. Nothing was
	// tried, so nothing counts as a guess.
	ErrMalformed = errors.New("that is not what the log-in mechanism calls for")
	// ErrWeakPassword: the password can't be used; the error's text says why, in
	// the words of whoever chooses it.
	ErrWeakPassword = errors.New("the password is too weak")
	// ErrRecord: a credential record can't be opened: it is damaged, of an
	// unknown version, another account's, or sealed under another key.
	ErrRecord = errors.New("credential record can't be opened")
	// ErrKey: the file is there but doesn't hold a box key.
	ErrKey = errors.New("not a box key")
)
