// Package witness has the test that plays the dialogues of package imapd against Dovecot as Debian ships it: what our
// server is held to is compared with what another one answers, which has been read by every client for twenty years. It
// holds no code but for that.
//
// In: the dialogues of services/imapd/testdata, the messages of package mailtest, and testdata/differences, which says
// of each known difference why ours is so. Out: a difference that is not in that list fails the test, and so does an
// entry that no dialogue shows any more.
//
// Compared is what a client acts on: how each command ends (OK, NO, BAD), its response code, and the data before it, in
// which texts for people, the order of flags and FETCH items, and numbers that a server chooses don't count. A dialogue
// that says "..." leaves the data out. Package dovecot starts the server; where that can't be, the test is skipped and
// says so, and with SANDUK_SYSTEM=1, as the test script sets it, that is a failure.
package witness
