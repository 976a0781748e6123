package pop3d

import "context"

// state is one of RFC 1939 §3's; a command may be legal in both. (UPDATE is what
// QUIT does.)
type state uint8

const (
	authorization state = 1 << iota
	transaction
)

// arguments says whether a command has any.
type arguments uint8

const (
	none arguments = iota
	optional
	needed
)

// command is one of POP3's commands. What run returns is answered; without an
// error it has answered itself.
type command struct {
	name   string
	states state
	args   arguments
	run    func(ctx context.Context, s *session, arg string) error
}

// commands is all that there is. Each has its own file.
func commands() []command {
	return []command{
		{"USER", authorization, needed, user},
		{"PASS", authorization, needed, pass},
		{"APOP", authorization, needed, apop},
		{"AUTH", authorization, optional, authenticate},
		{"STLS", authorization, none, stls},
		{"UTF8", authorization, none, utf8},
		{"LANG", authorization | transaction, optional, lang},
		{"CAPA", authorization | transaction, none, capa},
		{"QUIT", authorization | transaction, none, quit},
		{"STAT", transaction, none, stat},
		{"LIST", transaction, optional, list},
		{"UIDL", transaction, optional, uidl},
		{"RETR", transaction, needed, retr},
		{"TOP", transaction, needed, top},
		{"DELE", transaction, needed, dele},
		{"RSET", transaction, none, rset},
		{"NOOP", transaction, none, noop},
	}
}
