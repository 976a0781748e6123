package web

import "time"

// What a peer may take. Each bound is far beyond an office's use and far below
// what would hurt a box with 512 MB.
const (
	// maxSetup bounds the set-up document: a person takes some 200 bytes in it,
	// so this is room for thousands.
	maxSetup = 1 << 20
	// maxRequest bounds every other JSON request: one person, one password.
	maxRequest = 16 << 10
	// maxUndo bounds a request that names the messages of one page of a list.
	maxUndo = 64 << 10
	// maxWords and maxWord bound what a list of deleted mail is filtered by.
	maxWords = 20
	maxWord  = 200
	// maxRunningJobs work at a time: each may hold 60 bytes for every message of
	// an account. maxJobs are remembered, each for jobLife after its end, so that
	// whoever closed the page in between sees what became of it.
	maxRunningJobs = 3
	maxJobs        = 100
	jobLife        = 24 * time.Hour
	// maxAutodiscover bounds the XML that a mail program posts; real ones stay
	// under 1 KB.
	maxAutodiscover = 16 << 10
	// maxUpdate bounds an update: its kernel image has 40 MB at most when it is
	// built, and PID 1 takes one of 60 MB.
	maxUpdate = 62 << 20
	// maxHeader bounds a request's header. Browsers send 1 to 2 KB.
	maxHeader = 16 << 10

	// headerTimeout and readTimeout bound how slowly a request may come in; the
	// largest body takes 70 kbit/s to arrive in time.
	headerTimeout = 10 * time.Second
	readTimeout   = 2 * time.Minute
	writeTimeout  = 2 * time.Minute
	// idleTimeout is for kept-alive connections: longer than a person looks at
	// a page between two clicks.
	idleTimeout = 2 * time.Minute
	// setupTimeout is for the one long request. Hashing 300 passwords takes a
	// slow box a few minutes.
	setupTimeout = 30 * time.Minute

	// maxMoving bounds how many accounts are moved in or out at once: each keeps
	// a disk busy by itself. maxMovingOwn of them may be people with their own mail.
	maxMoving    = 3
	maxMovingOwn = 2

	// maxConns and maxPeerConns bound connections per listener and per address.
	// A browser opens six; 300 people with a page open keep far fewer than two
	// each.
	maxConns     = 512
	maxPeerConns = 32
	// maxOutsideConns are left to addresses outside the office, where the pages
	// are refused and only a certificate authority has something to ask.
	maxOutsideConns = 64

	// sessionIdle and sessionLife end a session: after a long lunch, and at the
	// end of a working day.
	sessionIdle = time.Hour
	sessionLife = 12 * time.Hour
	// maxSessions and maxAccountSessions bound what is kept; the one unused for
	// the longest time goes first.
	maxSessions        = 2048
	maxAccountSessions = 16
)
