package imapd

import (
	"context"

	"github.com/sanduk-mail/sanduk/services/imapd/wire"
)

// request is one command with its arguments, ready to run.
type request interface {
	// run carries the command out and writes its untagged responses. Nil means
	// that the tagged OK is due.
	run(ctx context.Context, s *session) error
}

// command is one line of the command table.
type command struct {
	name    string // upper case; "UID X" for a UID command
	states  state  // in which it may be given
	hold    bool   // EXPUNGE may not be told with it (RFC 9051 §7.5.1)
	numbers bool   // it takes or tells numbers of messages
	streams bool   // its run reads the rest of the command itself
	parse   func(p *parser) request
}

// commandTable has every command there is. RFC 9051 §6 has most of them; the others name
// their RFC in their file.
func commandTable() []command {
	const in = user | selected
	return []command{
		{name: "CAPABILITY", states: anyState, parse: parseCapability},
		{name: "NOOP", states: anyState, parse: parseNoop},
		{name: "LOGOUT", states: anyState, parse: parseLogout},
		{name: "ID", states: anyState, parse: parseID},

		{name: "STARTTLS", states: stranger, parse: parseStartTLS},
		{name: "AUTHENTICATE", states: stranger, parse: parseAuthenticate},
		{name: "LOGIN", states: stranger, parse: parseLogin},

		{name: "UNAUTHENTICATE", states: in, parse: parseUnauthenticate},
		{name: "ENABLE", states: in, parse: parseEnable},
		{name: "NAMESPACE", states: in, parse: parseNamespace},
		{name: "SELECT", states: in, parse: parseSelect(false)},
		{name: "EXAMINE", states: in, parse: parseSelect(true)},
		{name: "CREATE", states: in, parse: parseCreate},
		{name: "DELETE", states: in, parse: parseDelete},
		{name: "RENAME", states: in, parse: parseRename},
		{name: "SUBSCRIBE", states: in, parse: parseSubscribe(true)},
		{name: "UNSUBSCRIBE", states: in, parse: parseSubscribe(false)},
		{name: "LIST", states: in, parse: parseList},
		{name: "LSUB", states: in, parse: parseLsub},
		{name: "STATUS", states: in, parse: parseStatus},
		{name: "GETMETADATA", states: in, parse: parseGetMetadata},
		{name: "SETMETADATA", states: in, parse: parseSetMetadata},
		{name: "GETACL", states: in, parse: parseGetACL},
		{name: "SETACL", states: in, parse: parseSetACL},
		{name: "DELETEACL", states: in, parse: parseDeleteACL},
		{name: "LISTRIGHTS", states: in, parse: parseListRights},
		{name: "MYRIGHTS", states: in, parse: parseMyRights},
		{name: "GETQUOTA", states: in, parse: parseGetQuota},
		{name: "GETQUOTAROOT", states: in, parse: parseGetQuotaRoot},
		{name: "SETQUOTA", states: in, parse: parseSetQuota},
		{name: "APPEND", states: in, parse: parseAppend, streams: true},
		{name: "ESEARCH", states: in, parse: parseMultisearch},
		{name: "COMPRESS", states: in, parse: parseCompress},
		{name: "IDLE", states: in, parse: parseIdle},
		{name: "NOTIFY", states: in, parse: parseNotify},

		{name: "CHECK", states: selected, parse: parseNoop},
		{name: "CLOSE", states: selected, parse: parseClose},
		{name: "UNSELECT", states: selected, parse: parseUnselect},
		{name: "EXPUNGE", states: selected, parse: parseExpunge},
		{name: "SEARCH", states: selected, parse: parseSearch(false), hold: true, numbers: true},
		{name: "SORT", states: selected, parse: parseSort(false), hold: true, numbers: true},
		{name: "CANCELUPDATE", states: selected, parse: parseCancelUpdate},
		{name: "THREAD", states: selected, parse: parseThread(false), hold: true, numbers: true},
		{name: "FETCH", states: selected, parse: parseFetch(false), hold: true, numbers: true},
		{name: "STORE", states: selected, parse: parseStore(false), hold: true, numbers: true},
		{name: "COPY", states: selected, parse: parseCopy(false), numbers: true},
		{name: "MOVE", states: selected, parse: parseMove(false), numbers: true},
		{name: "REPLACE", states: selected, parse: parseReplace(false), streams: true, numbers: true},
		{name: "UID REPLACE", states: selected, parse: parseReplace(true), streams: true},
		{name: "UID SEARCH", states: selected, parse: parseSearch(true)},
		{name: "UID SORT", states: selected, parse: parseSort(true)},
		{name: "UID THREAD", states: selected, parse: parseThread(true)},
		{name: "UID FETCH", states: selected, parse: parseFetch(true)},
		{name: "UID STORE", states: selected, parse: parseStore(true)},
		{name: "UID COPY", states: selected, parse: parseCopy(true)},
		{name: "UID MOVE", states: selected, parse: parseMove(true)},
		{name: "UID EXPUNGE", states: selected, parse: parseUIDExpunge},
	}
}

// commandsByName is the command table as the server looks things up in it.
func commandsByName() map[string]command {
	byName := make(map[string]command)
	for _, c := range commandTable() {
		byName[c.name] = c
	}
	return byName
}

// parser reads the arguments of a command.
type parser struct {
	*wire.Reader
	utf8     bool // mailbox names are UTF-8, not modified UTF-7
	utf8Only bool // UTF8=ACCEPT is on: SEARCH takes no charset (RFC 6855 §3)
}
