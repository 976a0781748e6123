package relay

import "time"

// How long a server is waited for. Those of RFC 5321 §4.5.3.2 are the least that a
// client has to wait, and what other clients wait.
const (
	connectTimeout = 30 * time.Second // the next address may be one that answers
	greetTimeout   = 5 * time.Minute  // §4.5.3.2.1; also for EHLO, which has no number
	tlsTimeout     = time.Minute      // a handshake, AUTH's steps and STARTTLS need no thinking
	mailTimeout    = 5 * time.Minute  // §4.5.3.2.2
	rcptTimeout    = 5 * time.Minute  // §4.5.3.2.3
	dataTimeout    = 2 * time.Minute  // §4.5.3.2.4
	blockTimeout   = 3 * time.Minute  // §4.5.3.2.5, for each piece that is written
	endTimeout     = 10 * time.Minute // §4.5.3.2.6: too short, and messages arrive twice
	quitTimeout    = 5 * time.Second  // nothing hangs on it

	// searchBudget is how long servers are looked for that will talk. When it is
	// over no other is called; the message is tried again later anyhow.
	searchBudget = 10 * time.Minute
	// envelopeBudget bounds a server that answers each of many recipients just in time.
	envelopeBudget = 30 * time.Minute
	// dataGrace and dataMinRate bound a server that reads just fast enough for
	// blockTimeout: beyond the grace it must keep this average, far below any modem.
	dataGrace   = 10 * time.Minute
	dataMinRate = 256 // octets per second
)

// What bounds a hostile or broken server.
const (
	maxReplyLine  = 4 << 10  // RFC 5321 §4.5.3.1.5 says 512; long explanations exist
	maxReplyLines = 256      // the longest EHLO replies have some thirty
	maxReplyBytes = 64 << 10 // of one reply
	maxReplyText  = 2 << 10  // of it that is kept: it goes into queue, log and reports

	maxServers      = 16 // names of one domain that are tried in one Send
	maxAddresses    = 6  // of one name
	maxTransactions = 2  // servers that are given the envelope in one Send, as a 4xx of one may not be the other's
)

// How much is said at once.
const (
	// maxGroup is how many commands are written before replies are read (RFC 2920
	// §3.1): so few that their replies fit in any socket's buffers.
	maxGroup = 50
	// maxRecipients of a transaction is what every server must take (RFC 5321
	// §4.5.3.1.8); LIMITS can say less or more (RFC 9422).
	maxRecipients = 100
	// maxMostRecipients is what LIMITS is believed up to.
	maxMostRecipients = 1000
	// blockSize is what is read of a message, and sent of it, at a time. A message
	// of this size or less is read once.
	blockSize = 256 << 10
)

// What connections are kept for the next message.
const (
	maxIdle       = 64 // in all: some 100 KB each with TLS
	maxIdlePerHop = 4
	maxLife       = 10 * time.Minute // of one, after which policies are asked again
	idleTime      = 30 * time.Second // servers close what is silent for longer; RFC 5321 gives them five minutes
	maxUses       = 100              // messages on one; then the servers of a domain get another chance to share the work
)
