package pop3d

import (
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
)

// What a client may send, keep and cost. Each number says why it is what it is.
const (
	// maxConnections bounds memory; POP3 sessions are short.
	maxConnections = 1000
	// maxConnectionsPerAddress bounds what one machine can hold open, outside of
	// the trusted networks: an office behind one router.
	maxConnectionsPerAddress = 100

	// maxFailedLogins ends the connection; a person mistypes twice.
	maxFailedLogins = 3
	// maxBadBeforeLogin is for strangers, maxBadCommands (in a row) for whoever
	// has logged in.
	maxBadBeforeLogin = 5
	maxBadCommands    = 20

	// maxStrangerCommands is how many commands a stranger may give in all: a
	// client needs seven at most (CAPA, STLS, CAPA, UTF8, LANG, USER, PASS), and
	// without a bound ten minutes of CAPA cost us more than whoever sends them.
	maxStrangerCommands = 50

	// idleTime is RFC 1939 §3's least for the autologout timer. Before log-in
	// it is also all the time that there is, however lively the client.
	idleTime = 10 * time.Minute
	// writeStall is how long output may wait for a client that takes in less
	// than leastProgress bytes. A socket buffer of 4 MiB that is freed by
	// thirds takes 45 s at 256 kbit/s.
	writeStall    = 5 * time.Minute
	leastProgress = 1 << 10
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 30 * time.Second

	// maxLine is the longest line read, without its line end. RFC 2449 §4 asks
	// for 255; the responses of AUTH (RFC 5034 §4) may be what package auth takes.
	maxLine = (auth.MaxResponse+2)/3*4 + len("AUTH SCRAM-SHA-256-PLUS ")
	// maxSkippedLine is how much of a longer line is read away before it is
	// taken for no line at all.
	maxSkippedLine = 64 << 10
	// maxName is the longest name for USER: the longest address there is, with slack.
	maxName = 400

	// buffer is what a session reads and writes at a time.
	buffer = 16 << 10
)
