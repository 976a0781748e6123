package imapd

import "testing"

// TestMessageLimit plays a server that takes two messages at once, over the four
// letters of the fixture.
func TestMessageLimit(t *testing.T) {
	t.Parallel()
	b := newBox(t, func(o *Options) { o.MessageLimit = 2 })
	b.fixture()
	b.runner().Run(t, "limit of 2", `
S: /\* OK .*/
C: a LOGIN alice@example.test secret
S: /a OK \[CAPABILITY .* MESSAGELIMIT=2.*/
C: b SELECT INBOX
S: ...
S: /b OK .*/
# The last come first (section 3.1).
C: c FETCH 1:3 UID
S: * 3 FETCH (UID 3)
S: * 2 FETCH (UID 2)
S: c OK [MESSAGELIMIT 2 2] FETCH completed
C: c2 UID FETCH 1:* (ENVELOPE)
S: /\* 4 FETCH \(UID 4 ENVELOPE .*/
S: ...
S: c2 OK [MESSAGELIMIT 2 3] UID FETCH completed
C: c3 UID FETCH 1:* FLAGS (PARTIAL 1:3)
S: c3 NO [MESSAGELIMIT 2] That is more than 2 messages; take fewer at once
C: c4 UID FETCH 1:* UID (PARTIAL -1:-2)
S: * 3 FETCH (UID 3)
S: * 4 FETCH (UID 4)
S: c4 OK UID FETCH completed
# SEARCH counts what it looks at, not what it finds.
C: d UID SEARCH ALL
S: * SEARCH 3 4
S: d OK [MESSAGELIMIT 2 3] UID SEARCH completed
C: d2 UID SEARCH UIDBEFORE 3 ALL
S: * SEARCH 1 2
S: d2 OK UID SEARCH completed
C: d3 UID SEARCH RETURN (SAVE COUNT) UIDAFTER 1
S: * ESEARCH (TAG "d3") UID COUNT 2
S: d3 OK [MESSAGELIMIT 2 3] UID SEARCH completed
C: d4 UID SEARCH $
S: * SEARCH 3 4
S: d4 OK UID SEARCH completed
C: d5 UID SEARCH NOT UIDAFTER 4294967295 UIDAFTER 2
S: * SEARCH 3 4
S: d5 OK UID SEARCH completed
C: d6 UID SEARCH UIDBEFORE 1
S: * SEARCH
S: d6 OK UID SEARCH completed
C: d7 UID SEARCH UIDAFTER 0
S: d7 BAD 0 is not a UID
C: e UID SORT (ARRIVAL) UTF-8 ALL
S: e NO [MESSAGELIMIT 2] That is more than 2 messages; take fewer at once
C: e2 UID THREAD REFERENCES UTF-8 ALL
S: e2 NO [MESSAGELIMIT 2] That is more than 2 messages; take fewer at once
C: e3 UID SORT (ARRIVAL) UTF-8 UID 1:2
S: * SORT 1 2
S: e3 OK UID SORT completed
C: f UID STORE 1:* +FLAGS (\Flagged)
S: ...
S: f OK [MESSAGELIMIT 2 3] UID STORE completed
C: f2 UID SEARCH FLAGGED UID 1:2
S: * SEARCH
S: f2 OK UID SEARCH completed
# COPY and APPEND do all or nothing.
C: g UID COPY 1:* Archive
S: g NO [MESSAGELIMIT 2 3] That is more than 2 messages; take fewer at once
C: g2 STATUS Archive (MESSAGES)
S: * STATUS Archive (MESSAGES 0)
S: g2 OK STATUS completed
C: h APPEND Archive {1+}
C: x {1+}
C: y {1+}
C: z
S: h NO [MESSAGELIMIT 2] That is more than 2 messages; take fewer at once
# Where another code stands, MESSAGELIMIT has its own line.
C: i UID STORE 1:3 (UNCHANGEDSINCE 1) +FLAGS.SILENT (\Deleted)
S: ...
S: * NO [MESSAGELIMIT 2 2] Messages with lower UIDs were left out
S: i OK [MODIFIED 2:3] UID STORE completed
C: j UID MOVE 1:* Archive
S: ...
S: * NO [MESSAGELIMIT 2 3] Messages with lower UIDs were left out
S: /j OK \[HIGHESTMODSEQ \d+\] UID MOVE completed/
`)
}
