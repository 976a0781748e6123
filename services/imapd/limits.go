package imapd

import (
	"time"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
)

// What a client may send, keep and cost. Each number says why it is what it is.
const (
	// maxConnections bounds memory: 300 people with five devices, and slack.
	maxConnections = 3000
	// maxConnectionsPerAddress bounds what one machine can hold open, outside of
	// the trusted networks: an office behind one router has some 100 devices.
	maxConnectionsPerAddress = 200
	// maxConnectionsPerAccount: Thunderbird and Outlook open 5 to 10 each, and
	// an address such as info@ may be read by a whole department.
	maxConnectionsPerAccount = 500

	// maxFailedLogins ends the connection; a person mistypes twice.
	maxFailedLogins = 3
	// maxBadBeforeLogin is for strangers, maxBadCommands (in a row) for whoever
	// has logged in: a client that is wrong ten times running is broken or lost.
	maxBadBeforeLogin = 5
	maxBadCommands    = 10

	// maxStrangerCommands is how many commands a stranger may give in all: a
	// client needs five at most (CAPABILITY, STARTTLS, CAPABILITY, ID, LOGIN), and
	// without a bound three minutes of NOOP cost us more than whoever sends them.
	maxStrangerCommands = 50

	// loginTime is all the time a connection gets to log in, however lively it
	// is. Clients that ask their user for the password reconnect afterwards.
	loginTime = 3 * time.Minute
	// idleTime is the least that RFC 9051 §5.4 allows for the autologout timer.
	idleTime = 30 * time.Minute
	// readStall is how long a client may be silent within a command or literal.
	readStall = 2 * time.Minute
	// writeStall is how long output may wait for a client that reads nothing.
	// A socket buffer of 4 MiB that is freed by thirds takes 45 s at 256 kbit/s.
	writeStall = 5 * time.Minute
	// handshakeTime bounds a TLS handshake.
	handshakeTime = 30 * time.Second

	// maxAppendMessages and maxAppendTotal bound one MULTIAPPEND, which is
	// held in the spool until all of it is there.
	maxAppendMessages = 1000
	appendTotalFactor = 4 // times the largest message
	// maxCatenateParts bounds CATENATE: a text before and behind each of the parts
	// that a large message has. maxToldURL is how much of a bad URL is said back.
	maxCatenateParts = 1000
	maxToldURL       = 500
	// maxFetchItems bounds one FETCH: the 20 items there are and some sections.
	maxFetchItems = 100
	// maxSectionDepth is the longest part number; message.Limits nests less.
	maxSectionDepth = 64
	// maxHeaderNames bounds BODY[HEADER.FIELDS (...)]; Thunderbird asks for 20.
	maxHeaderNames = 200
	// maxHeader is how far BODY[HEADER.FIELDS] looks, since it holds what it
	// picks in memory: twice what a message to 10,000 recipients needs.
	maxHeader = 2 << 20
	// maxPicked bounds what all BODY[HEADER.FIELDS] of one FETCH hold of a
	// message: two of the largest.
	maxPicked = 2 * maxHeader
	// maxSearchKeys and maxSearchDepth bound the tree that a SEARCH becomes.
	maxSearchKeys  = 2000
	maxSearchDepth = 50
	// maxSortKeys is more than there are to sort by, both ways.
	maxSortKeys = 20
	// maxLive and maxLiveResults bound what a session follows of its searches: a
	// client shows a few lists at a time, and each change is looked at for each.
	maxLive        = 8
	maxLiveResults = 250_000
	// maxEventGroups bounds NOTIFY, of which each change is held against each group.
	// maxNotified is how many mailboxes one session watches: what it knows of them
	// takes up some 100 bytes for each, and they are looked through after each
	// change.
	maxEventGroups = 100
	maxNotified    = 5000
	// maxSources bounds what ESEARCH names to look in.
	maxSources = 1000
	// maxThreadDepth is how far above a message its thread's ancestors are looked
	// at: the longest threads of mailing lists have some hundred generations, and
	// looking further would let a chain of 100,000 cost the square of that.
	maxThreadDepth = 1000
	// maxListPatterns bounds LIST's patterns, maxPattern the length of each with
	// the reference before it.
	maxListPatterns = 50
	maxPattern      = 1000
	// maxIDPairs is RFC 2971 §3.3's own limit.
	maxIDPairs = 30
	// maxToldKeywords is how many keywords FLAGS names: it is sent again for each
	// new one, and a mailbox may have one for every message.
	maxToldKeywords = 300
	// maxMetadataEntries bounds what one GETMETADATA or SETMETADATA names; more than a
	// mailbox can have.
	maxMetadataEntries = 100
	// maxUses bounds CREATE's special uses, of which one can be had.
	maxUses = 10
	// maxEnable bounds the names in one ENABLE.
	maxEnable = 50
	// unseenLimit is the largest mailbox in which SELECT looks for the first
	// unseen message, which RFC 3501 lets a server leave out.
	unseenLimit = 10_000
)

// strangerLimits are for commands before log-in: a name and a password, or a
// SASL response.
func strangerLimits() wire.Limits {
	return wire.Limits{Line: 8 << 10, Literals: 4 << 10, Discard: 64 << 10}
}

// userLimits are for commands after log-in. RFC 9051 §4 asks for lines of 8,000
// bytes at least; sets of UIDs from mbsync and Outlook run longer. Discard lets
// a client that streams an over-large message with a non-synchronising literal
// read its NO instead of a cut connection.
func userLimits() wire.Limits {
	return wire.Limits{Line: 64 << 10, Literals: 128 << 10, Discard: 1 << 30}
}
