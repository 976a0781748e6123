package smtpd

import "time"

// What bounds a hostile or broken client.
const (
	// maxCommandLine is RFC 5321 §4.5.3.1.4's 512 octets with room for the
	// parameters of every extension offered and for UTF-8 addresses.
	maxCommandLine = 2048
	// maxAuthLine is RFC 4954 §4's bound for a base64 response.
	maxAuthLine = 12288
	// maxSkippedLine is how much of an over-long line is read away before the
	// connection is closed: enough for a mistake, too little for an attack.
	maxSkippedLine = 64 << 10
	// maxRecipients is ten times what RFC 5321 §4.5.3.1.8 asks a server to take.
	maxRecipients = 1000
	// maxBadCommands counts protocol errors: more than a person's typing needs,
	// fewer than a scan wants.
	maxBadCommands = 10
	// maxRefusedRecipients ends a dictionary attack: nobody's address book is
	// wrong this often in one connection.
	maxRefusedRecipients = 50
	// maxIdleCommands are those in a row that bring no message nearer: a session
	// kept alive by NOOP takes a place that somebody else needs. A client that
	// pools connections says one now and then. Trusted networks are exempt.
	maxIdleCommands = 100
	// maxAuthFailures is per connection; the account's own lock-out is the
	// Authenticator's.
	maxAuthFailures = 3
	// maxConnections bounds memory: some 40 KiB each with TLS; what messages take
	// while they come in has a bound of its own, draft.MemoryBudget. Port 25 and
	// submission have as many each.
	maxConnections = 1000
	// maxConnectionsPerAddress keeps one sender from taking them all. Addresses
	// of trusted networks are exempt.
	maxConnectionsPerAddress = 50
	// maxConnectionsPerNetwork is for a /24 or /64, from which many servers of one
	// provider come, and all machines of one rented range.
	maxConnectionsPerNetwork = 150
	// maxTarpit is the longest delay of one answer: clients wait five minutes.
	maxTarpit = 10 * time.Second
	// screenTimeout is for all that is asked about an address before the greeting.
	screenTimeout = 15 * time.Second
	// leastSilence is how long the greeting is kept back at least.
	leastSilence = 10 * time.Millisecond
	// maxReceivedFields tells a loop from a long way (RFC 5321 §6.3 asks for at
	// least 100).
	maxReceivedFields = 100

	// commandTimeout is RFC 5321 §4.5.3.2.7.
	commandTimeout = 5 * time.Minute
	// dataTimeout is the longest silence inside a message (RFC 5321
	// §4.5.3.2.5 gives the client three minutes for each block).
	dataTimeout = 3 * time.Minute
	// dataGrace and dataMinRate bound a client that drips: beyond the grace it
	// must keep this average, far below any modem.
	dataGrace   = 10 * time.Minute
	dataMinRate = 256 // octets per second
	// writeTimeout is for one flush of replies, which are small.
	writeTimeout = 1 * time.Minute
	// handshakeTimeout bounds a TLS handshake.
	handshakeTimeout = 30 * time.Second
	// deliverTimeout is shorter than the ten minutes that RFC 5321 §4.5.3.2.6
	// tells a client to wait, so that it hears our 451 instead of guessing.
	deliverTimeout = 5 * time.Minute
)
