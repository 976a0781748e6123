package operator

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// Streams are the command's surroundings.
type Streams struct {
	In       io.Reader // passwords; a terminal is prompted on Err, others are read
	Out, Err io.Writer
	Getenv   func(string) string
}

// The exit statuses.
const (
	exitDone  = 0
	exitNot   = 1
	exitUsage = 2
	exitFound = 3
)

// errUsage says that the arguments were not understood.
var errUsage = errors.New("not understood")

// command is one line of the usage.
type command struct {
	words string // "user add"
	args  string // as the usage shows them
	about string
	run   func(ctx context.Context, t *task) error
}

// task is one call of a command.
type task struct {
	Streams
	args   []string // without the command's words and flags
	flags  values
	online bool // the command works on a running box
}

// values are all flags of all commands; each command says which it knows.
type values struct {
	bytes                                          string
	data, box, token, tokenFile, ca                string
	name, owner                                    string
	into, to, format, account                      string
	since                                          uint64
	mailbox, messages, words                       string
	after, before, asOf                            string
	folder, address                                string
	admin, passwordStdin                           bool
	moved, inPlace, newPassword                    bool
	deep, json, anyway, all                        bool
	keep, shared                                   bool
	who, named, aliasOf, catchAll, domains, scopes string
	recipients                                     string
	hop                                            string
	held                                           bool
	days                                           string
	tls, pin, user                                 string
	below, fallBack, samePassword                  bool
	pauses, then, delay, giveUp                    string
	gateway, dns, dnsTLS                           string
	vlan                                           int
}

func commands() []command {
	return append([]command{
		{"check", "--data DIR [--deep] [--all]", "read all mail in a data directory and prove that it is whole; with --deep also what was deleted and nobody can see; --all lists everything that is wrong", check},
		{"health", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say what is wrong with the mail on a running box, and what to do about it", health},
		{"rebuild", "[ADDRESS] --data DIR [--anyway]", "make a person's index, or all, anew from the log, which has everything; --anyway: also from a log that is damaged", rebuild},
		{"dump", "--data DIR [--account ADDRESS] [--since LSN] [--json]", "print the log's records, one for each line; changes nothing, also works on a damaged copy", dump},
		{"compact", "--data DIR", "give back the space of what was deleted so long ago that nobody can put it back", compact},
		{"collect list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say how collecting mail from providers goes, for each mailbox there", collectList},
		{"collect now", "[USER] --box https://ADDRESS --token-file FILE [--ca FILE]", "collect mail at once, from the mailbox with this user name at its provider, or from all", collectNow},
		{"collect set", "FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "collect mail from one more mailbox at a provider, or change the settings of one: FILE (- for standard input) has them as an entry of collect in a set-up file, boxctl help collect shows it", collectSet},
		{"collect try", "FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "log in with such settings and say what is there, or what is wrong; nothing is kept or changed", collectTry},
		{"collect pause", "ID on|off --box https://ADDRESS --token-file FILE [--ca FILE]", "on: collect nothing from a mailbox for now; collect list shows its ID", collectPause},
		{"collect remove", "ID --box https://ADDRESS --token-file FILE [--ca FILE]", "collect nothing from a mailbox any more; mail stays where it is", collectRemove},
		{"dns list", "[DOMAIN] --box https://ADDRESS --token-file FILE [--ca FILE]", "say what the office's mail needs in DNS, and how that stands there", dnsList},
		{"dns file", "--box https://ADDRESS --token-file FILE [--ca FILE]", "write these records as a fragment of a zone file", dnsFile},
		{"dns new-keys", "DOMAIN --box https://ADDRESS --token-file FILE [--ca FILE]", "make new keys to sign a domain's mail with; the box takes them up when it sees their records in DNS", dnsNewKeys},
		{"dns use-keys", "DOMAIN --box https://ADDRESS --token-file FILE [--ca FILE]", "sign with the new keys from now on, whether their records are in DNS or not", dnsUseKeys},
		{"signing list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say who signs each domain's mail (DKIM)", signingList},
		{"signing set", "DOMAIN WHO --box https://ADDRESS --token-file FILE [--ca FILE]", "say who signs a domain's mail: box, or provider, if the server that all mail goes through signs itself, or the domain's DNS can't carry the box's keys", signingSet},
		{"move start", "FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "copy mailboxes from other IMAP servers and wait: FILE (- for standard input) has one or a list, boxctl help move shows it; the same again brings what is new", moveStart},
		{"move list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say how far that is", moveList},
		{"move stop", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "end it for one person; what has come stays", moveStop},
		{"search rebuild", "[ADDRESS] WHERE", "make the index for searching a person's mail, or everybody's, anew; searches go on meanwhile", searchRebuild},
		{"queue list", "[--held] [--hop DOMAIN] [--address TEXT] WHERE", "list the mail that waits for its way out, or for the time that its sender has named, and why; --held: only what somebody holds back; --hop: only what goes to this domain; --address: only from or to such addresses", queueList},
		{"queue show", "ID WHERE", "show a waiting message with everything that was tried, in the other servers' words", queueShow},
		{"queue stats", "WHERE", "count the mail that waits, for each domain, and say where nobody answers", queueStats},
		{"queue hold", "ID WHERE", "keep a message back until it is released", queueAlter(holdWaiting, "is held back until you release it (boxctl queue release)")},
		{"queue release", "ID WHERE", "let a message go that was held back (if its sender wants it to go later: then), or now what waits for such a time", queueAlter(releaseWaiting, "is on its way again")},
		{"queue retry", "[ID] [--hop DOMAIN] WHERE", "try a message at once; without ID all that waits, or with --hop what waits for a domain", queueRetry},
		{"queue drop", "ID WHERE", "take a message out for good (queue export keeps a copy); nobody is told, but who of the office sent what a rule holds", queueAlter(dropWaiting, "has been taken out. Nobody is told, unless somebody of the office sent it and a rule held it")},
		{"queue redirect", "ID ADDRESS NEW-ADDRESS WHERE", "send what waits for one address outside to another one", queueRedirect},
		{"queue export", "ID [--to FILE] WHERE", "write a waiting message as it goes out, into a new file or to standard output", queueExport},
		{"routes list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say which way mail goes out, for which domains, and when", routesList},
		{"routes set", "DOMAIN WAY [--below] [--user NAME [--same-password]] [--tls starttls|implicit|none] [--pin SHA256] [--fall-back] [--pauses 1m,5m,1h] [--then 2h] [--delay 4h] [--give-up 5d] --box https://ADDRESS --token-file FILE [--ca FILE]", "say which way mail for a domain (or all that has no other) goes: WAY is direct, a provider's server (HOST or HOST:PORT), or usual (as all other mail); --below: also for all domains that end in it; --user: the log-in there, whose password is asked for (--same-password: it stays); --pin: the key to believe instead of a certificate; --fall-back: direct while the server can't be reached; the rest says when it is tried again, when the sender is told, and when it is given up", routesSet},
		{"routes remove", "DOMAIN --box https://ADDRESS --token-file FILE [--ca FILE]", "end that (all: go back to what the set-up says)", routesRemove},
		{"routes test", "[DOMAIN] --box https://ADDRESS --token-file FILE [--ca FILE]", "connect and log in as mail for a domain (or all that has no other) would, and say what is wrong; nothing is sent", routesTest},
		{"routes window", "WHEN[,WHEN] --box https://ADDRESS --token-file FILE [--ca FILE]", "say when mail leaves the office, for lines that cost by the hour: WHEN is \"mon-fri 08:00-18:00\", \"daily 22:00-06:00\" or always; mail inside the office doesn't wait, and boxctl queue retry sends what waits now", routesWindow},
		{"spare list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list the domains of others whose mail this box takes while their own server can't be reached, and the office's own spare servers", spareList},
		{"spare set", "DOMAIN [--recipients NAME,NAME] --box https://ADDRESS --token-file FILE [--ca FILE]", "make this box a spare server (backup MX) of a domain of somebody else; --recipients: what stands before the @ of the addresses that there are (none: all are taken)", spareSet},
		{"spare remove", "DOMAIN --box https://ADDRESS --token-file FILE [--ca FILE]", "end that", spareRemove},
		{"spare servers", "ADDRESS[,ADDRESS] --box https://ADDRESS --token-file FILE [--ca FILE]", "say which servers are the office's own spare ones (none: there are none): what they bring is judged by where they had it from", spareServers},
		{"network show", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say how the box's network is set", networkShow},
		{"network dhcp", "[--dns ADDRESS,ADDRESS [--dns-tls NAME]] [--vlan NUMBER] --box https://ADDRESS --token-file FILE [--ca FILE]", "have the box ask the network for its address; --dns-tls: ask these DNS servers over TLS, by the name in their certificates; the settings from before come back after 90 seconds unless network keep is said", networkDHCP},
		{"network static", "ADDRESS/BITS [--gateway ADDRESS] [--dns ADDRESS,ADDRESS [--dns-tls NAME]] [--vlan NUMBER] --box https://ADDRESS --token-file FILE [--ca FILE]", "give the box a fixed address such as 192.168.1.20/24, on trial like network dhcp", networkStatic},
		{"network keep", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say, to the box at its new address, that its network works: the settings stay", networkKeep},
		{"admission show", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say whom the box lets in beside the networks that it stands in", admissionShow},
		{"admission office", "NETWORK[,NETWORK] --box https://ADDRESS --token-file FILE [--ca FILE]", "say which networks elsewhere are the office's too, such as a branch's behind a VPN (none: \"\")", admissionOffice},
		{"admission door", "SERVICE NETWORK[,NETWORK]|everybody --box https://ADDRESS --token-file FILE [--ca FILE]", "let others use imap, pop3 or submission; \"\" ends that", admissionDoor},
		{"admission paths", "on|off --box https://ADDRESS --token-file FILE [--ca FILE]", "open the paths of the web server that are for the world (proofs for certificates, MTA-STS policy); the pages stay closed", admissionPaths},
		{"blocklist list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list the lists of bad senders that are asked about servers that bring mail", blockListList},
		{"blocklist set", "ZONE ACTION --box https://ADDRESS --token-file FILE [--ca FILE]", "have a list asked, such as zen.spamhaus.org; ACTION is refuse (servers on it can write to nobody but the postmaster) or junk (what they bring goes to the junk mailbox)", blockListSet},
		{"blocklist remove", "ZONE --box https://ADDRESS --token-file FILE [--ca FILE]", "end that", blockListRemove},
		{"blocklist allow", "ADDRESS[,ADDRESS] --box https://ADDRESS --token-file FILE [--ca FILE]", "say about which servers no list is asked (none: about all)", blockListAllow},
		{"blocklist test", "ZONE --box https://ADDRESS --token-file FILE [--ca FILE]", "ask a list for the address that all lists have for tests, and the one that none may have", blockListTest},
		{"reports list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say which daily reports other domains get", reportsList},
		{"reports set", "DOMAIN WHICH --box https://ADDRESS --token-file FILE [--ca FILE]", "say which daily reports a domain (or all that have no setting of their own) gets, if it asks for them: both, dmarc, tls or none", reportsSet},
		{"size list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list the largest messages of people and domains", sizeList},
		{"size set", "WHO SIZE --box https://ADDRESS --token-file FILE [--ca FILE]", "bound the messages that a person (ADDRESS), or everybody of a domain without a bound of their own, sends and gets: SIZE is like 20M, or none", sizeSet},
		{"access list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list who can't log in from everywhere", accessList},
		{"access set", "ADDRESS FROM --box https://ADDRESS --token-file FILE [--ca FILE]", "say from where a person can log in, for mail and for the pages: anywhere, office (its own network), or networks such as office,192.0.2.0/24", accessSet},
		{"cert show", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say which certificates the box shows", certShow},
		{"cert upload", "CERTIFICATE [KEY] --box https://ADDRESS --token-file FILE [--ca FILE]", "have the box show a certificate from elsewhere: CERTIFICATE is a file with it and its chain, KEY one with its key (PEM; both may stand in one file)", certUpload},
		{"cert get", "METHOD [CONTACT [DIRECTORY]] --box https://ADDRESS --token-file FILE [--ca FILE]", "have the box get its certificate from an authority by ACME, and renew it: METHOD is http-01 (the authority asks the box at port 80, which is opened for that one path) or dns-01 (a record is set by hand, see cert show); CONTACT is an address for its letters, DIRECTORY its address (none: Let's Encrypt, whose terms this agrees to)", certGet},
		{"cert end", "--box https://ADDRESS --token-file FILE [--ca FILE]", "have none got any more", certEnd},
		{"cert remove", "--box https://ADDRESS --token-file FILE [--ca FILE]", "have the box show its own certificate again", certRemove},
		{"certificate list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list the certificates by which programs log in instead of by a password", certificateList},
		{"certificate add", "ADDRESS CERTIFICATE [--name NAME] --box https://ADDRESS --token-file FILE [--ca FILE]", "let programs that have the key of a certificate log in as a person: CERTIFICATE is a file (PEM or DER) or the SHA-256 of it; from then on all programs are asked whether they have one", certificateAdd},
		{"certificate remove", "CERTIFICATE --box https://ADDRESS --token-file FILE [--ca FILE]", "end that, and the person's sessions", certificateRemove},
		{"factor end", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "take the second factor away from a person who has lost the phone", factorEnd},
		{"app-password count", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "say how many passwords for single mail programs a person has", appPasswordCount},
		{"app-password end", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "end all of them, and the person's sessions", appPasswordEnd},
		{"passkey end", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "end all passkeys of a person who has lost a device, and their sessions on the pages", passkeyEnd},
		{"device list", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "list with which programs, and from which networks, a person has logged in", deviceList},
		{"apop list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list who can log in by APOP", apopList},
		{"apop allow", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "let an old program of a person log in by POP3's APOP, and show the password that it needs for that, once; read what it says", apopAllow},
		{"apop end", "ADDRESS --box https://ADDRESS --token-file FILE [--ca FILE]", "end that, and the person's sessions", apopEnd},
		{"pop3 list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list for whom something holds when they fetch mail by POP3", pop3List},
		{"pop3 leave", "ADDRESS DAYS --box https://ADDRESS --token-file FILE [--ca FILE]", "say for how many days a person's mail stays in INBOX once it was fetched by POP3: always, or a number (0: not at all); what is flagged stays, and boxctl undo brings back what was removed", pop3Leave},
		{"pop3 delay", "ADDRESS SECONDS --box https://ADDRESS --token-file FILE [--ca FILE]", "say how long a person's program has to wait from one log-in by POP3 to the next: none, or a number of seconds", pop3Delay},
		{"share list", "[ADDRESS] --box https://ADDRESS --token-file FILE [--ca FILE]", "list what people, or the one, have opened of their mailboxes to others", shareList},
		{"share grant", "OWNER MAILBOX WHO RIGHTS --box https://ADDRESS --token-file FILE [--ca FILE]", "open a person's mailbox to WHO, which is a person's address or anyone (everybody with an account): RIGHTS are read, write, all, or letters of lrswipkxtea (RFC 4314), in place of those of before; programs find it below Other Users", shareGrant},
		{"share remove", "OWNER MAILBOX WHO --box https://ADDRESS --token-file FILE [--ca FILE]", "end that, also in programs that have it open", shareRemove},
		{"trace", "[WORDS] --box https://ADDRESS --token-file FILE [--ca FILE]", "say what happened to mail, the newest first: to that in whose addresses, subject, message ID or server all WORDS are (one argument; beginnings of words are enough), or to the one with this ID; without WORDS to all", trace},
		{"audit", "[TEXT] --box https://ADDRESS --token-file FILE [--ca FILE]", "say who changed what, the newest first: all changes, or those in which TEXT stands", auditList},
		{"log", "[WORDS] [--all] --box https://ADDRESS --token-file FILE [--ca FILE]", "print the newest lines of the box's log, or those in which all WORDS are (one argument), the newest last; with --all from its beginning, else some hundred", boxLog},
		{"disks", "--box https://ADDRESS --token-file FILE [--ca FILE]", "say which disks the box sees, and how the one with the mail is", diskList},
		{"received", "[WHAT] --box https://ADDRESS --token-file FILE [--ca FILE]", "say whether other servers read in the Received field from which device in the office a message came; with WHAT, which is show or hide, set that", received},
		{"content show", "DOMAIN --box https://ADDRESS --token-file FILE [--ca FILE]", "print the rules on what is in a domain's mail", contentShow},
		{"content set", "DOMAIN FILE --box https://ADDRESS --token-file FILE [--ca FILE]", "make the rules in a file (- for standard input) those of a domain: hold, redact or refuse mail with card numbers, IBANs, words or patterns in it; boxctl help content shows such a file", contentSet},
		{"content try", "DOMAIN [FILE] [--days NUMBER] --box https://ADDRESS --token-file FILE [--ca FILE]", "say what the rules of a domain, or those in a file, would have found in the mail of the last 30 days; changes nothing", contentTry},
		{"held list", "--box https://ADDRESS --token-file FILE [--ca FILE]", "list the messages that wait for your decision", heldList},
		{"held show", "ID --box https://ADDRESS --token-file FILE [--ca FILE]", "print a message that waits", heldShow},
		{"held release", "ID --box https://ADDRESS --token-file FILE [--ca FILE]", "let a message go on its way", heldRelease},
		{"held drop", "ID --box https://ADDRESS --token-file FILE [--ca FILE]", "end a message; who of the office has sent it is told", heldDrop},
		{"undo list", "[ADDRESS] [--mailbox FOLDER] [--after WHEN] [--before WHEN] [--words TEXT] [--moved] WHERE",
			"list what can be brought back: of a person, what was deleted (--moved: also what was only moved); without ADDRESS, who was removed", undoList},
		{"undo restore", "ADDRESS [--messages ID,ID] [--mailbox FOLDER] [--after WHEN] [--before WHEN] [--words TEXT] [--moved] [--into FOLDER] WHERE",
			"put deleted messages back where they were (or into a folder), with flags and dates: those named, or those chosen as for undo list", undoRestore},
		{"undo mailbox", "ADDRESS FOLDER [--as-of WHEN] [--in-place] [--folder NAME] WHERE",
			"put a deleted folder back; with --as-of, a folder as it was at that time, into a new folder or (--in-place) where it was", undoMailbox},
		{"undo account", "ADDRESS [--as-of WHEN] [--in-place] [--folder NAME] [--address ADDRESS] [--new-password] WHERE",
			"bring a removed person back with all mail; with --as-of, all of somebody's mail as it was at that time", undoAccount},
		{"token list", "WHERE", "list everybody's tokens", tokenList},
		{"token add", "NAME [--owner ADDRESS] [--scopes NAME,NAME] WHERE", "make a token for scripts and show it; --scopes: what it is for (account, people, trace, mail, health, box, each with :read behind it for looking only, or all:read), else all that its owner may; on a running box with --owner, whose password is asked for: the first one needs no other", tokenAdd},
		{"token remove", "ID WHERE", "end a token; token list shows its ID", tokenRemove},
		{"export", "[ADDRESS] --to PATH [--format maildir|mbox] WHERE", "write a person's mail for other programs: into a directory, a .zip, or (Maildir) a .tar or .tar.gz; without ADDRESS everybody's, into a directory with one for each person", exportMail},
		{"import", "[ADDRESS] PATH [--into FOLDER] WHERE", "read mail in: mbox, Maildir, directories of them, .tar, .tar.gz, .zip; what is there already is left out; without ADDRESS everybody's, from what export has written of the whole office", importMail},
	}, append(peopleCommands(), machineCommands()...)...)
}

// Run does what args (without the program's name) ask for, and returns the exit
// status.
func Run(ctx context.Context, args []string, s Streams) int {
	if len(args) == 0 {
		usage(s.Out, "")
		return exitUsage
	}
	last := args[len(args)-1]
	if args[0] == "help" || last == "-h" || last == "--help" {
		word := strings.TrimPrefix(args[0], "help")
		if word == "" && len(args) > 1 {
			word = args[1]
		}
		usage(s.Out, word)
		return exitDone
	}
	for _, c := range commands() {
		words := strings.Fields(c.words)
		if len(args) < len(words) || strings.Join(args[:len(words)], " ") != c.words {
			continue
		}
		err := runCommand(ctx, c, args[len(words):], s)
		switch {
		case err == nil:
			return exitDone
		case errors.Is(err, errFound):
			fmt.Fprintf(s.Err, "boxctl %s: %v\n", c.words, err)
			return exitFound
		case errors.Is(err, errUsage):
			fmt.Fprintf(s.Err, "boxctl %s: %v\nUse it like this: boxctl %s %s\n", c.words, err, c.words, c.args)
			if strings.HasSuffix(c.args, "WHERE") {
				fmt.Fprintln(s.Err, "WHERE is --box https://ADDRESS --token-file FILE [--ca FILE], or --data DIR")
			}
			return exitUsage
		}
		text := explain(err).Error()
		if errors.Is(err, directory.ErrInUse) && strings.HasSuffix(c.args, "WHERE") {
			text += ", or use --box"
		}
		fmt.Fprintf(s.Err, "boxctl %s: %s\n", c.words, text)
		return exitNot
	}
	var known strings.Builder
	switch {
	case !list(&known, args[0]):
		fmt.Fprintf(s.Err, "boxctl: there is no command %q: boxctl help lists them all\n", args[0])
	case len(args) == 1 || strings.HasPrefix(args[1], "-"):
		fmt.Fprintf(s.Err, "boxctl %s: what about it? There are these commands:\n%s", args[0], known.String())
	default:
		fmt.Fprintf(s.Err, "boxctl: there is no command %q, but there are these:\n%s", args[0]+" "+args[1], known.String())
	}
	return exitUsage
}

// list shows the commands that begin with a word, all for ""; false if there are
// none.
func list(w io.Writer, word string) bool {
	found := false
	for _, c := range commands() {
		if word == "" || strings.Fields(c.words)[0] == word {
			fmt.Fprintf(w, "  boxctl %s %s\n        %s\n", c.words, c.args, c.about)
			found = true
		}
	}
	return found
}

// usage shows the commands that begin with a word, or all, and what they have in
// common.
func usage(w io.Writer, word string) {
	fmt.Fprintln(w, "boxctl looks after a Sanduk mail box.")
	fmt.Fprintln(w)
	if !list(w, word) {
		word = ""
		list(w, word)
	}
	fmt.Fprint(w, fileHelp(word))
	if word == "" {
		fmt.Fprint(w, "\nboxctl help WORD shows the commands that begin with a word; help content, collect and\nmove also what FILE holds.\n")
	}
	fmt.Fprint(w, `
WHERE is a running box:   --box https://mail.example.com --token-file FILE [--ca FILE]
or a data directory:      --data DIR   (while no mail service is running on it)

The token can also stand in SANDUK_TOKEN or after --token; FILE after --ca is the
box's own certificate, from http://ITS-ADDRESS/ or its page "Connect".
WHEN is "2026-11-22 14:05", "14:05" (today), "yesterday", "2h ago", "3 days ago", or
RFC 3339.
Times, given or shown, are in this computer's time zone where they name none.
Passwords are asked for, or read from standard input (--password-stdin).

Exit status: 0 done, 1 not done or not all of it, 2 not understood, 3 check has
found something.
`)
}

// runCommand reads flags and arguments in any order.
func runCommand(ctx context.Context, c command, args []string, s Streams) error {
	t := &task{Streams: s, online: known(c, "box")}
	set := flag.NewFlagSet(c.words, flag.ContinueOnError)
	set.SetOutput(io.Discard) // Run says what is wrong
	set.StringVar(&t.flags.data, "data", "", "")
	set.StringVar(&t.flags.box, "box", "", "")
	set.StringVar(&t.flags.token, "token", "", "")
	set.StringVar(&t.flags.tokenFile, "token-file", "", "")
	set.StringVar(&t.flags.ca, "ca", "", "")
	set.StringVar(&t.flags.name, "name", "", "")
	set.StringVar(&t.flags.owner, "owner", "", "")
	set.StringVar(&t.flags.into, "into", "", "")
	set.StringVar(&t.flags.to, "to", "", "")
	set.StringVar(&t.flags.format, "format", string(transfer.Maildir), "")
	set.StringVar(&t.flags.account, "account", "", "")
	set.Uint64Var(&t.flags.since, "since", 0, "")
	set.StringVar(&t.flags.mailbox, "mailbox", "", "")
	set.StringVar(&t.flags.words, "words", "", "")
	set.StringVar(&t.flags.after, "after", "", "")
	set.StringVar(&t.flags.before, "before", "", "")
	set.StringVar(&t.flags.asOf, "as-of", "", "")
	set.StringVar(&t.flags.folder, "folder", "", "")
	set.StringVar(&t.flags.address, "address", "", "")
	set.BoolVar(&t.flags.moved, "moved", false, "")
	set.BoolVar(&t.flags.inPlace, "in-place", false, "")
	set.BoolVar(&t.flags.newPassword, "new-password", false, "")
	set.BoolVar(&t.flags.deep, "deep", false, "")
	set.BoolVar(&t.flags.anyway, "anyway", false, "")
	set.BoolVar(&t.flags.all, "all", false, "")
	set.BoolVar(&t.flags.json, "json", false, "")
	set.StringVar(&t.flags.who, "who", "", "")
	set.StringVar(&t.flags.named, "named", "", "")
	set.StringVar(&t.flags.aliasOf, "alias-of", "", "")
	set.StringVar(&t.flags.domains, "domains", "", "")
	set.StringVar(&t.flags.scopes, "scopes", "", "")
	set.StringVar(&t.flags.catchAll, "catch-all", "", "")
	set.BoolVar(&t.flags.keep, "keep", false, "")
	set.BoolVar(&t.flags.shared, "shared", false, "")
	set.StringVar(&t.flags.bytes, "bytes", "", "")
	set.StringVar(&t.flags.days, "days", "", "")
	set.StringVar(&t.flags.recipients, "recipients", "", "")
	set.StringVar(&t.flags.messages, "messages", "", "")
	set.StringVar(&t.flags.hop, "hop", "", "")
	set.StringVar(&t.flags.tls, "tls", "", "")
	set.StringVar(&t.flags.pin, "pin", "", "")
	set.StringVar(&t.flags.user, "user", "", "")
	set.StringVar(&t.flags.gateway, "gateway", "", "")
	set.StringVar(&t.flags.dns, "dns", "", "")
	set.StringVar(&t.flags.dnsTLS, "dns-tls", "", "")
	set.IntVar(&t.flags.vlan, "vlan", 0, "")
	set.BoolVar(&t.flags.below, "below", false, "")
	set.BoolVar(&t.flags.fallBack, "fall-back", false, "")
	set.BoolVar(&t.flags.samePassword, "same-password", false, "")
	set.StringVar(&t.flags.pauses, "pauses", "", "")
	set.StringVar(&t.flags.then, "then", "", "")
	set.StringVar(&t.flags.delay, "delay", "", "")
	set.StringVar(&t.flags.giveUp, "give-up", "", "")
	set.BoolVar(&t.flags.held, "held", false, "")
	set.BoolVar(&t.flags.admin, "admin", false, "")
	set.BoolVar(&t.flags.passwordStdin, "password-stdin", false, "")
	for {
		if err := set.Parse(args); errors.Is(err, flag.ErrHelp) {
			return fmt.Errorf("%w: help stands at the end (boxctl %s --help), or alone (boxctl help)", errUsage, c.words)
		} else if err != nil {
			return fmt.Errorf("%w: %s", errUsage, misread(err))
		}
		if args = set.Args(); len(args) == 0 {
			break
		}
		t.args = append(t.args, args[0])
		args = args[1:]
	}
	var err error
	set.Visit(func(f *flag.Flag) {
		if !known(c, f.Name) {
			err = fmt.Errorf("%w: --%s has no meaning here", errUsage, f.Name)
		}
	})
	if least, most := wanted(c); err == nil && (len(t.args) < least || len(t.args) > most) {
		err = miscounted(c, t.args, most)
	}
	if err != nil {
		return err
	}
	return c.run(ctx, t)
}

// miscounted says which argument is missing, or one too many.
func miscounted(c command, args []string, most int) error {
	if len(args) > most {
		return fmt.Errorf("%w: there is %q too much", errUsage, args[most])
	}
	missing := len(args)
	for _, word := range strings.Fields(c.args) {
		if strings.HasPrefix(word, "[") {
			continue
		}
		if missing == 0 {
			return fmt.Errorf("%w: %s is missing", errUsage, word)
		}
		missing--
	}
	return errUsage
}

// misread is what package flag says of the arguments, in our words.
func misread(err error) string {
	text := err.Error()
	if name, found := strings.CutPrefix(text, "flag provided but not defined: -"); found {
		return "there is no --" + strings.TrimPrefix(name, "-")
	}
	if name, found := strings.CutPrefix(text, "flag needs an argument: -"); found {
		return "what belongs behind --" + strings.TrimPrefix(name, "-") + " is missing"
	}
	return text
}

// known reports whether the command takes the flag: its usage says so.
func known(c command, flag string) bool {
	where := strings.Contains(c.args, "WHERE") || strings.Contains(c.args, "--box ")
	switch flag {
	case "box", "token", "token-file", "ca":
		return where
	case "data":
		return true
	case "password-stdin":
		return c.words == "user add" || c.words == "user passwd" || c.words == "token add" || c.words == "undo account" || c.words == "routes set"
	}
	return strings.Contains(c.args, "--"+flag)
}

// wanted is how many arguments the usage names, without and with those in
// brackets.
func wanted(c command) (least, most int) {
	for word := range strings.FieldsSeq(c.args) {
		switch {
		case word == "WHERE", strings.HasPrefix(word, "-"), strings.HasPrefix(word, "[-"):
			return least, most
		case !strings.HasPrefix(word, "["):
			least++
		}
		most++
	}
	return least, most
}
