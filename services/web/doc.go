// Package web is the box's HTTPS front: the set-up, the office's people, the
// settings for mail programs, and the JSON API behind them that boxctl speaks
// too.
//
// In: HTTP requests from the office's own network, all of them taken to be
// hostile, and the small interfaces of seams.go behind which the directory, the
// log-ins and the certificates stand. Out: the built web app (ui/dist), JSON,
// the two XML dialects by which mail programs configure themselves, and the
// box's CA certificate.
//
// Port 443 serves the pages and the API. Port 80 serves what has to work
// before a device trusts the box: autoconfiguration, ACME challenges, the CA
// certificate, and a page with its fingerprint. Everything else there is sent
// to https.
//
// Who gets in: only addresses of the office's network (Options.Local). The Host
// field must be an IP address or one of the box's names: a page on the Internet
// whose name is made to resolve to the box (DNS rebinding) carries its own name
// there. IP literals need no list, since no name is looked up that could be
// rebound, and a forwarded port or a NAT may show the box under an address that
// it doesn't know it has. Writes from other sites are refused by
// http.CrossOriginProtection. There is no HSTS: the box's certificate comes
// from its own CA, and HSTS would take the "go on anyway" away from the person
// who has to fetch that CA from the very page.
//
// The API. Every failure is {"field", "message", "what_to_do"}, the texts being
// sentences for a person; an administrator is a session's cookie or a bearer
// token.
//
//	GET    /api/status                        who the box is, set up or not; everybody
//	POST   /api/setup                         the set-up document; Authorization: Claim CODE
//	POST   /api/password-reset                {"address", "password"} of an administrator; Authorization: Claim CODE
//	POST   /api/setup/check                   is this the code? It stays good
//	POST   /api/setup/findings                {domain}: how mail can reach the box, as far as it finds out; with the code
//	GET    /api/connect                       settings for mail programs; everybody
//	GET    /api/connect/qr.svg                the link to them for a camera; everybody
//	GET    /api/session                       who is signed in
//	POST   /api/session                       {address, password, code}: signs in; 403 with field "code" asks for the second factor
//	DELETE /api/session                       signs out
//	PUT    /api/me/password                   {current, password}: one's own
//	GET    /api/me/sessions                   {sessions: [{id, agent, peer, created, seen, current}]}: the browsers one is signed in with
//	DELETE /api/me/sessions                   signs all of them out but this one: 204
//	DELETE /api/me/sessions/{id}              signs that one out: 204
//	GET    /api/me/second-factor              {on, recovery_left}
//	POST   /api/me/second-factor              {secret, size, path}: a new secret and its QR code as an SVG path; changes nothing
//	PUT    /api/me/second-factor              {secret, code, current}: turns it on; {recovery: [code]}, shown once
//	DELETE /api/me/second-factor              {current}: 204
//	DELETE /api/accounts/{address}/second-factor  204; administrator
//	GET    /api/me/app-passwords              {passwords: [{number, name, services, added, used, used_service, used_peer}], only}
//	POST   /api/me/app-passwords              {name, services, current}: {password}, shown once; 201
//	PUT    /api/me/app-passwords              {only, current}: whether mail programs need one; 204
//	DELETE /api/me/app-passwords/{number}     204
//	GET    /api/accounts/{address}/app-passwords     {count, only}; administrator
//	DELETE /api/accounts/{address}/app-passwords     ends all: 204; administrator
//	POST   /api/session/passkey/challenge     {challenge, host} for navigator.credentials.get; everybody
//	POST   /api/session/passkey               {challenge, id, user, client_data, auth_data, signature}: signs in
//	GET    /api/me/passkeys                   {passkeys: [{id, name, host, added}], host}: host is "" where none can be made
//	POST   /api/me/passkeys/challenge         {current}: {challenge, host, user, address, algorithms, have} for navigator.credentials.create
//	POST   /api/me/passkeys                   {challenge, name, client_data, attestation}: {id}; 201
//	DELETE /api/me/passkeys/{id}              204
//	GET    /api/accounts/{address}/passkeys   {count}; administrator
//	DELETE /api/accounts/{address}/passkeys   ends all, and the sessions: 204; administrator
//	GET    /api/me/devices                    {devices: [{service, client, program, app_password, network, first, last}]}: with what one has logged in
//	GET    /api/accounts/{address}/devices    those of somebody; administrator
//	GET    /api/me/pop3                       {leave, login_delay}: what holds for one's own mail
//	PUT    /api/me/pop3                       {leave}: 204
//	GET    /api/me/apop                       {on}
//	POST   /api/me/apop                       201 {secret, warning}, shown this once: another one, for whom an administrator has allowed APOP, when one's password was given lately
//	DELETE /api/me/apop                       204
//	GET    /api/me/certificates               {certificates: [{sha256, name, added}], asked}: those by which one's own programs log in
//	PUT    /api/me/certificates               {sha256, name}: 204, when programs are asked for certificates, and one's password was given lately
//	DELETE /api/me/certificates/{sha256}      204
//	GET    /api/me/search?q=…                 one's own mail, best first; &mailbox= and &limit= narrow it
//	POST   /api/search/rebuild                {address}, "" for everybody: search indexes are made anew; 202; administrator
//	GET    /api/search/rebuild                {accounts: [{address, state: waiting|running|done|failed, messages, total,
//	                                          seconds, problem}]}: how far that is; administrator
//	GET    /api/accounts                      {accounts: [{address, name, admin, created, quota_bytes, quota_messages,
//	                                          used_bytes, used_messages}]}; administrator
//	POST   /api/accounts                      {address, name, password}: 201; administrator
//	PATCH  /api/accounts/{address}            {quota_bytes, quota_messages, disabled}, or some of them: 200; 0: no bound; administrator
//	PUT    /api/accounts/{address}/password   {password}: 204; administrator
//	DELETE /api/accounts/{address}            204; administrator
//	GET    /api/accounts/{address}/rules      {forward, keep, local_only, send_as, copies: [{to, in, out}]}; administrator
//	POST   /api/accounts/{address}/password-link  201: a link for that person to choose a password; administrator
//	POST   /api/password-link                 {address, code, password}: 204; whoever has the link
//	PATCH  /api/accounts/{address}/rules      any of these: 200; a list replaces what was; administrator
//	GET    /api/aliases                       {aliases: [{address, kind: alias|shared, name, members}]}; administrator
//	PUT    /api/aliases/{address}             {kind, name, members}: makes it that: 200; administrator
//	DELETE /api/aliases/{address}             204; administrator
//	GET    /api/groups                        {groups: [{address, kind, name, members, who: anybody|office|members|named, named}]}; administrator
//	PUT    /api/groups/{address}              {name, members, who, named}: makes it that: 200; administrator
//	DELETE /api/groups/{address}              204; administrator
//	GET    /api/domains                       {domains: [{name, main, alias_of, catch_all, copies}]}; administrator
//	PUT    /api/domains/{name}                {alias_of, catch_all, copies}: adds it, or makes that its settings: 204; administrator
//	DELETE /api/domains/{name}                204; administrator
//	GET    /api/accounts/{address}/mail       ?format=maildir|mbox: all mail, as tar or zip; administrator
//	POST   /api/accounts/{address}/mail       ?into=FOLDER&name=NAME, an mbox or tar: what was done; administrator
//	GET    /api/me/mail                       ?format=: all one's own, when one's password was given lately
//	POST   /api/me/mail                       ?into=&name=: adds to one's own
//	GET    /api/disks                         {disks: [{device, model, serial, bytes, own, total, free, health: {failing, reallocated, pending, errors, worn, celsius, hours}, findings}]}; administrator
//	GET    /api/network                       {network: as in the set-up document, trial_seconds, went_back}; administrator
//	PUT    /api/network                       {network}: 202 {trial_seconds}: unless they are confirmed in that time those from before come back; administrator
//	POST   /api/network/keep                  204: they are confirmed; administrator
//	GET    /api/box-certificate               {authority, own, public: {names, issuer, from, until, sha256}, believed, servers, issuance: {directory, contact, method, working, tried, next, problem, proofs: [{name, value}]}}; administrator
//	PUT    /api/box-certificate               {certificate, key}, PEM both: 204; administrator
//	DELETE /api/box-certificate               the box shows its own again: 204; administrator
//	PUT    /api/box-certificate/issuance      {directory ("": Let's Encrypt), contact, method: http-01|dns-01, agreed}: it is got from there, and renewed: 204; administrator
//	POST   /api/box-certificate/issuance      202: it is tried now, if one is due; administrator
//	DELETE /api/box-certificate/issuance      none is got any more: 204; administrator
//	GET    /profile.mobileconfig              ?address=: the authority and the account, for Apple's devices
//	GET    /api/encryption                    {encrypted, cipher, phrase, tpm, ask, has_tpm}; administrator
//	POST   /api/encryption/phrase             {password}: {phrase}, which is shown this once and opens nothing yet; administrator
//	PUT    /api/encryption/phrase             {phrase, password, ask}: 204: it opens the disk from now on, and the one before doesn't; administrator
//	GET    /api/setup/encryption              as /api/encryption; set-up code, like the three that follow
//	POST   /api/setup/encryption/phrase       {phrase}
//	PUT    /api/setup/encryption/phrase       {phrase, ask}: 204; 202 where nothing is encrypted yet: the box restarts and asks for it
//	DELETE /api/setup/encryption              202: the box restarts, and nothing is encrypted
//	GET    /api/admission                     {office: [network], doors: {imap, pop3, submission: [network]}, paths}; administrator
//	PUT    /api/admission                     the same, in place of what held before: 204; administrator
//	GET    /api/blocklists                    {lists: [{zone, action: refuse|junk, trouble}], allow: [address]}; administrator
//	PUT    /api/blocklists                    {lists, allow} in place of those of before: 204; administrator
//	POST   /api/blocklists/test               {zone}: {works, trouble}; administrator
//	GET    /api/reports                       {reports: [{domain ("": all others), dmarc, tls}]}; administrator
//	PUT    /api/reports                       {domain, dmarc, tls}: 204; administrator
//	GET    /api/sizes                         {sizes: [{who (address or domain), bytes}], most}: the largest messages; administrator
//	PUT    /api/sizes                         {who, bytes}: 204; 0: no bound of its own; administrator
//	GET    /api/access                        {access: [{who, office, networks}]}: who can't log in from everywhere; administrator
//	PUT    /api/access                        {who, office, networks}: 204, and his mail programs log in again; neither: everywhere; administrator
//	GET    /api/pop3                          {pop3: [{who, leave, login_delay}]}: for whom something holds that is not usual; administrator
//	PUT    /api/pop3                          {who, leave, login_delay}: 204; leave: days for which mail fetched by POP3 stays in INBOX, 0: not at all, -1: until somebody deletes it; login_delay: seconds from one POP3 log-in to the next; what is left out stays; administrator
//	GET    /api/certificates                  {certificates: [{who, sha256, name, added}]}: by which programs log in; administrator
//	PUT    /api/certificates                  {who, sha256 (of the certificate in DER, hexadecimal), name}: 204; administrator
//	DELETE /api/certificates/{sha256}         204, also when there is none, and the account's programs log in again; administrator
//	GET    /api/apop                          {apop: [address]}: who can log in by APOP; administrator
//	POST   /api/apop                          {who}: 201 {secret, warning}: lets somebody log in by APOP; the secret is shown once, and replaces one there was; administrator
//	DELETE /api/apop/{address}                204, also when there is none, and the account's programs log in again; administrator
//	GET    /api/shares                        {shares: [{owner, mailbox, who, rights}], received: likewise}: what one has opened to others, and
//	                                          what others have; ?owner=ADDRESS or * (all): somebody else's; administrator
//	PUT    /api/shares                        {owner, mailbox, who (an address, or anyone), rights (letters of RFC 4314)}: 204; for another owner: administrator
//	DELETE /api/shares?mailbox=…&who=…        204, also when there is none; &owner= likewise; what anyone may do stays
//	GET    /api/received                      {hide_clients}: whether Received leaves out people's devices; administrator
//	PUT    /api/received                      {hide_clients}: 204; administrator
//	GET    /api/trace?q&from&until&after&limit {messages: [{id, steps: [{at, what, about: {name: [values]}}], left_out}], next}: what happened
//	                                          to mail, newest first, with at most 20 values of a name; administrator
//	GET    /api/trace/{id}                    one of them; administrator
//	GET    /api/audit?q&before&limit          {changes: [{number, at, who, from, what, on, said}], more, next}: what administrators have
//	                                          changed, without secrets, newest first; next is the before of the page behind it,
//	                                          and a page may be empty while there is more; administrator
//	GET    /api/log?q&unit&level&message&from&until&before&after {lines: [{time, level, unit, msg, …}], next, newest, lost}: the
//	                                          box's log without secrets, newest first: lines with all words of q, of a unit,
//	                                          of a level (debug, info, warn, error) and worse, about a message (its ID in the
//	                                          trace); next is the before of the page behind it, and a page may be empty while
//	                                          there is more; newest is the after of what comes later; administrator
//	GET    /api/tally?days                    {days: [{day, counts: {received, sent, …}}]}: how much mail there was, see package
//	                                          tally; administrator
//	GET    /api/tokens                        all tokens with their owners, never their text; administrator
//	POST   /api/tokens                        {name}: 201 {token}; administrator
//	DELETE /api/tokens/{id}                   204: ends a token, anybody's; administrator
//
// Durable on return: what the interfaces say. Sessions live in memory only: a
// restart signs people out, and a session that has been ended stays ended.
// What is done once set-up began is not undone when the browser goes away.
//
// A Server may be used by any number of goroutines.
//
// Standards: RFC 9110 (HTTP), RFC 6265bis (cookies, the __Host- prefix),
// RFC 6750 (bearer tokens), W3C Web Authentication level 2 (services/passkey), RFC 6797 (HSTS, not used), Fetch metadata, CSP
// level 3; Thunderbird's autoconfiguration 1.1; Microsoft's Autodiscover (POX),
// [MS-OXDSCLI].
package web
