package imapd

import (
	"context"
	"strconv"
	"strings"
)

// extension is one line of the capability table: what is advertised, the
// standard that says what it means, and the file that does it.
type extension struct {
	capability string
	standard   string
	file       string
	states     state // in which it is advertised
}

// extensions is the capability table. Nothing stands here that does not work to
// the letter. STARTTLS, LOGINDISABLED, AUTH=, APPENDLIMIT and MESSAGELIMIT depend on the
// connection and the options: capabilities adds them.
func extensions() []extension {
	const in = user | selected
	return []extension{
		{"IMAP4rev1", "RFC 3501", "session.go", anyState},
		{"IMAP4rev2", "RFC 9051", "session.go", anyState},
		{"SASL-IR", "RFC 4959", "authenticate.go", anyState},
		{"LITERAL+", "RFC 7888", "wire/literal.go", anyState},
		{"ID", "RFC 2971", "id.go", anyState},
		{"ENABLE", "RFC 5161", "enable.go", anyState},
		{"ACL", "RFC 4314", "setacl.go", in},
		{"BINARY", "RFC 3516", "fetchbody.go", in},
		{"CATENATE", "RFC 4469", "catenate.go", in},
		{"CHILDREN", "RFC 3348", "list.go", in},
		{"COMPRESS=DEFLATE", "RFC 4978", "compress.go", in},
		{"CONDSTORE", "RFC 7162", "store.go", in},
		{"CONTEXT=SEARCH", "RFC 5267", "context.go", in},
		{"CONTEXT=SORT", "RFC 5267", "context.go", in},
		{"CREATE-SPECIAL-USE", "RFC 6154", "create.go", in},
		{"ESEARCH", "RFC 4731", "search.go", in},
		{"ESORT", "RFC 5267", "sort.go", in},
		{"I18NLEVEL=1", "RFC 5255", "sort.go", in},
		{"IDLE", "RFC 2177", "idle.go", in},
		{"INPROGRESS", "RFC 9585", "inprogress.go", in},
		{"LIST-EXTENDED", "RFC 5258", "list.go", in},
		{"LIST-METADATA", "RFC 9590", "list.go", in},
		{"LIST-MYRIGHTS", "RFC 8440", "list.go", in},
		{"LIST-STATUS", "RFC 5819", "list.go", in},
		{"METADATA", "RFC 5464", "metadata.go", in},
		{"MOVE", "RFC 6851", "copy.go", in},
		{"MULTIAPPEND", "RFC 3502", "append.go", in},
		{"MULTISEARCH", "RFC 7377", "multisearch.go", in},
		{"NAMESPACE", "RFC 2342", "namespace.go", in},
		{"NOTIFY", "RFC 5465", "notify.go", in},
		{"OBJECTID", "RFC 8474", "fetch.go", in},
		{"PARTIAL", "RFC 9394", "fetchpartial.go", in},
		{"PREVIEW", "RFC 8970", "fetch.go", in},
		{"QRESYNC", "RFC 7162", "qresync.go", in},
		{"QUOTA", "RFC 9208", "quota.go", in},
		{"QUOTA=RES-MESSAGE", "RFC 9208", "quota.go", in},
		{"QUOTA=RES-STORAGE", "RFC 9208", "quota.go", in},
		{"REPLACE", "RFC 8508", "replace.go", in},
		{"RIGHTS=kxte", "RFC 4314", "rights.go", in}, // beyond those of RFC 2086
		{"SAVEDATE", "RFC 8514", "fetch.go", in},
		{"SEARCH=FUZZY", "RFC 6203", "fuzzy.go", in},
		{"SEARCHRES", "RFC 5182", "search.go", in},
		{"SORT", "RFC 5256", "sort.go", in},
		{"SORT=DISPLAY", "RFC 5957", "sort.go", in},
		{"SPECIAL-USE", "RFC 6154", "list.go", in},
		{"STATUS=SIZE", "RFC 8438", "status.go", in},
		{"THREAD=ORDEREDSUBJECT", "RFC 5256", "thread.go", in},
		{"THREAD=REFERENCES", "RFC 5256", "thread.go", in},
		{"THREAD=REFS", "draft-ietf-morg-inthread", "thread.go", in},
		{"UIDONLY", "RFC 9586", "uidonly.go", in},
		{"UIDPLUS", "RFC 4315", "expunge.go", in},
		{"UNAUTHENTICATE", "RFC 8437", "unauthenticate.go", in},
		{"UNSELECT", "RFC 3691", "close.go", in},
		{"UTF8=ACCEPT", "RFC 6855", "enable.go", in},
		{"WITHIN", "RFC 5032", "searchkey.go", in},
	}
}

// shares reports whether the extension is of use only where mailboxes can be shared.
func (e extension) shares() bool { return e.standard == "RFC 4314" || e.standard == "RFC 8440" }

// capabilities is what the session advertises as it stands.
func (s *session) capabilities() string {
	var names []string
	now := s.state()
	for _, e := range extensions() {
		if e.states&now != 0 && !s.leftOut(e.capability) && (s.sharing != nil || !e.shares()) {
			names = append(names, e.capability)
		}
	}
	if now == stranger {
		if s.tls == nil && s.server.options.TLS != nil {
			names = append(names, "STARTTLS")
		}
		if !s.clear() {
			names = append(names, "LOGINDISABLED")
		}
		for _, m := range s.mechanisms() {
			names = append(names, "AUTH="+m)
		}
	} else {
		names = append(names, "APPENDLIMIT="+strconv.FormatInt(s.server.options.MaxSize, 10)) // RFC 7889
		names = append(names, "MESSAGELIMIT="+strconv.Itoa(s.server.messageLimit()))          // RFC 9738
	}
	return strings.Join(names, " ")
}

// capability is RFC 9051 §6.1.1.
type capability struct{}

func parseCapability(*parser) request { return capability{} }

func (capability) run(_ context.Context, s *session) error {
	s.w.Raw("* CAPABILITY " + s.capabilities() + "\r\n")
	return nil
}
