// Package directory knows who is in the office: the box's own settings, its
// domains, the people with their addresses and credential records, and the
// tokens of the office's API.
//
// What comes in: a set-up (once), and changes to accounts and tokens. What goes
// out: answers to "whose address is this?" and "who may log in by this name?",
// from memory, without a lock.
//
// # Durability
//
// Every change is one record of family Directory in the journal; when a method
// returns nil, the record is on disk and every reader sees it. The whole set-up
// is one record too: a box is set up, or it isn't. The index (directory.db, a
// bbolt file) only spares reading the journal from its beginning: it is written
// after the record, in the same transaction as the LSN up to which it is
// complete, and when it is missing or damaged it is made anew from the journal.
// Records of this family are small and few and are never compacted away.
//
// Where a record is damaged in the log and the index is lost too, the box must not
// come up as if nothing had been: without its set-up it does not start ([ErrLost]),
// for a new one would be anybody's. Mail whose owner is not known any more gets an
// account "recovered-aN", without a password, and its number is not given again.
// Who was removed, of which the mailboxes tell, is removed again. All shares of
// mailboxes end, since what is lost may be that one was taken back.
//
// # Accounts and their mailboxes
//
// A new account's mailboxes are made first, under the number that the account
// will have, and the record that makes it visible is committed after. A crash
// in between leaves empty mailboxes that nobody can reach, under a number that
// the next new account gets, for which making them again does nothing. The other
// way round there would be a moment in which mail is accepted for an account
// without a mailbox. Removing goes the other way: the record first, which ends
// log-ins and delivery, then the mailboxes. [Directory.Settle] repeats at the
// start what a crash may have left undone. Numbers of removed accounts are never
// given again.
//
// Restoring an account is like adding one: the mailboxes first, then the record
// that makes it visible. It has its address, rights and password again; its
// tokens are gone for good. (A removed account's credential record is kept for
// that, sealed as all are; nobody can log in by it, since an account is found by
// its address, and a removed one has none. It goes with the mail, see
// [Directory.Expire]; the record that brought it stays in the log, sealed.)
//
// The address of somebody who was removed can be given to somebody new at once: an
// office can't wait a month for "accounts@". Whoever is brought back then needs
// another address, and with it another password.
//
//	state of an account    directory          mailboxes     after a crash
//	nothing                –                  –             –
//	being made             –                  made          invisible; made again by the next AddAccount
//	there                  account            made          Settle finds nothing to do
//	being removed          removed account    made          Settle removes them
//	removed                removed account    set aside     recoverable for as long as the store says
//	being restored         removed account    made          Settle removes them: restore it again
//
// # Addresses
//
// Every address is looked up in the canonical form of package domain. Mail for
// "alice+anything" goes to alice unless that is an account of its own (RFC 5233
// names this subaddressing). postmaster (RFC 5321 §4.5.1) and abuse (RFC 2142 §4)
// of every domain, and of the box's own host name, go to the administrator who
// has been there longest, unless they are accounts of their own.
//
// # Who gets what
//
// Beside accounts there are listings: an alias (a further address of one account),
// a shared address (several people's: each gets the mail and may send as it) and a
// group (passes mail on to members here and elsewhere, and says who may send). An
// account has rules (forwarding, local-only, leave to send as others, copies); a
// domain can have a catch-all and copies, and can be another name of a domain. What
// an address stands for is looked up here; who may send, and what is done with the
// mail, is package delivery's.
//
// Listings refer to people by their accounts' numbers, so that whoever gets a
// removed person's address is not in all their groups. A removed person stays in
// the records and gets nothing; a restore brings all of it back. With the record
// that forgets them (kind 8) they go from all lists, and aliases and shared
// addresses that led to nobody else go too. An address that another listing, a
// forwarding or a copy leads to can't be removed: the error says what does. Mail
// that would go round in circles, or be passed on more than [MaxSteps] times, is
// found when the change is asked for, and the error shows the way.
//
// Domains that come later than the set-up, and those that go, change the list of
// the box's settings; aliases of domains don't stand in it, since nobody can have
// an address of his own there.
//
// # Shares
//
// An account can open its mailboxes to others, each to some people or to anyone on
// the box, with the rights of RFC 4314; see [Directory.SetShares]. They are kept by
// numbers, of the mailbox too, so that a rename leaves them and a new mailbox of an
// old name has none. Those of a removed account, given and got, sleep until it is
// restored or forgotten; those of a deleted mailbox until that comes back, or is gone
// for good and [Directory.ForgetMailbox] is told. Package sharing knows what mailboxes
// there are and enforces the rights.
//
// # Records
//
// A payload is one version byte, 1, and JSON; its field names are in record.go and
// are on disk for ever. Of a set record all replaces what was there before.
//
//	 1  set-up              2  add account      3  change account   4  remove account
//	 5  add token           6  remove token     7  restore account  8  forget accounts
//	10  set domain         {name, alias_of, catch_all, copies}
//	11  remove domain      {name}
//	12  set listing        {local, domain, kind: alias|shared|group, name, members, who: (anybody)|office|members|named, named, created}
//	13  remove listing     {local, domain}
//	14  set rules          {id, forward, keep, local_only, send_as, copies}
//	15  set signing        {domain, keys (dkim.Keys.Encode, sealed), provider (signs in the box's place)}
//	16  set content rules  {domain, rules: [{name, in, out, internal, text, header, names, ready, pattern, words, least, action}]}
//	17  set spare server   {domain, recipients (none: all), gone}, or {servers}: the office's own
//	18  set limits         {id (none: everybody's), messages, recipients}
//	19  set route          {domain (none: all mail), below, way: (usual)|direct|smarthost, host, port, tls: starttls|implicit|none,
//	                       pin (SHA-256 of the key), user, password (sealed), fall_back, pauses, then, delay, give_up (ns), gone},
//	                       or {window: true, periods: [{days (7, from Sunday), from, to (minutes)}], gone}: when mail leaves
//	22  set block lists    {lists: [{zone, refuse (else junk)}], allow: [network]}
//	23  set reporting      {domain (none: all others), no_dmarc, no_tls}
//	24  set largest message {id, or domain, bytes (none: no bound)}
//	25  set trace          {hide_clients}
//	26  set access         {id, office, networks: [network]} (neither: from everywhere)
//	27  set POP3 leave     {id, days} (none: mail that was fetched stays until somebody deletes it)
//	28  set APOP secret    {id, secret (sealed; none: it ends)}
//	29  set certificate    {id, sha256, name, added, or gone}
//	30  set shares         {owner, mailbox (its number in the owner's account), grants: [{to (none: anyone), rights (letters; none: it ends)}]},
//	                       or {owner, mailbox, gone}: the mailbox is gone for good; {gone} with owner and mailbox 0: all shares end
//	32  set POP3 log-in delay {id, seconds}
//	42  set second factor  {id, secret (totp's text, sealed; none: it ends)}
//
// A member is {account} or {local, domain}, a copy {to, in, out}. A record of a
// kind that a program doesn't know stops it: mail would be refused, or go where it
// must not.
//
// # Concurrency
//
// All methods may be called from any goroutine. Readers take one pointer to a
// state that is never changed again; changes wait for one another.
package directory
