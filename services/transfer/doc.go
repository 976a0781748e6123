// Package transfer moves whole accounts between the box and the files of other
// mail programs: Maildir and mbox, as they are, or in tar and zip archives.
//
// What comes in: an account of a store (the interface Account), or an [Archive]
// that somebody else has written, which is taken to be hostile. What goes out:
// directories, files and streams; drafts for the account's Append.
//
// What is durable on return: what [Import] says is imported is committed by the
// store, in batches of 4 MiB. What [Export] has written is in the page cache
// (files are synced by whoever asked, for a whole file system at once).
//
// Memory: some MiB, however large an archive is: messages are streamed, through
// the spool's drafts on the way in. It grows with the number of files in one
// directory (80 bytes each) and with the messages that are in a mailbox which is
// imported into (48 bytes each).
//
// Concurrency: an Archive is read by one goroutine at a time; imports and exports
// of the same or other accounts may run side by side.
//
// # What an import leaves out
//
// A message is passed over when its folder has one of the same bytes already, by
// size and SHA-256 over header and body; if the folder has it twice, two are
// passed over. So importing again adds nothing, what an interrupted import has
// done counts for the next, and a message that differs in one byte comes in,
// whatever its Message-ID says. Messages that the other program has marked as
// removed and only not swept out yet (Thunderbird) stay out, and are counted.
//
// # Line ends
//
// Where the first line of a message ends in a plain LF, every plain LF becomes CR
// LF: so do IMAP and SMTP want it. All other bytes come in as they are.
//
// # Maildir as it is written
//
// Maildir++: INBOX is the directory itself, other mailboxes are directories in
// it, a dot before each level of their name, which is UTF-8:
//
//	sanduk-folder.json             {"version":1,"name":"Customers/A.B","role":"","subscribed":true}
//	cur/N                          the messages of INBOX, byte for byte
//	dovecot-keywords               "0 blue": the keyword of the letter a, and so on to z
//	sanduk-keywords/N              keywords of a message beyond 26 in its folder, a line each
//	.Customers.A%2EB/cur/N
//
// In names of folders the bytes %./\:*?"<>|, control characters, a space at
// either end and the levels cur, new and tmp are written as % and two hexadecimal
// digits; what is over 200 bytes, or differs from another folder in small and
// capital letters only, gets "~" and eight digits of its SHA-256 at its end.
// sanduk-folder.json has the true name, the special use (an attribute of RFC 6154,
// or INBOX) and the subscription; it comes first in its folder.
//
// N is the name of a message's file:
//
//	1700000000.M123000P42.sanduk+0100-raw-keys,S=4711:2,FSab
//
// seconds and microseconds of the internal date, UID, zone of the date ("Z": UTC;
// "_" for "-"), -raw where the first line ends in a plain LF that must stay, -keys
// where sanduk-keywords has more, size, flags (maildir(5): D, F, P for $Forwarded,
// R, S, T; Dovecot's small letters). The file's time is the internal date too.
//
// # mbox as it is written
//
// NAME.mbox holds a mailbox, a directory NAME its children; NAME.mbox.json is the
// note of sanduk-folder.json. The form is mboxrd: LF at line ends, one ">" more in
// front of every ">*From ", a blank line behind each message, and in front of its
// header
//
//	From MAILER-DAEMON Tue Nov 14 22:13:20 2023
//	Status: RO
//	X-Status: AF
//	X-Keywords: blue $Forwarded
//	X-Sanduk-Mbox: 1; date=2023-11-14T23:13:20.123+01:00; eol=crlf; end=open
//
// (X-Status: A answered, F flagged, T draft, D deleted.) What follows the last of
// these is the message: eol=crlf says that all its lines ended in CR LF, eol=lf
// that only LF was cut at and any CR is its own; end=open that the last line had
// no end. That gives every message back to the byte, also one that is no mail.
//
// # What is read besides
//
// Maildir, Maildir++ and nested Maildirs (names in modified UTF-7 or UTF-8; keywords
// as Dovecot's letters or Courier's list); mbox
// of any kind: mboxo, mboxrd, mboxcl and mboxcl2 (Content-Length counts where a
// message does end there, which needs a file that can be looked into), CR LF or
// LF, From_ lines with any date or none, as long as a header follows; the flags of
// Status, X-Status, X-Keywords, X-Mozilla-Status and X-Mozilla-Keys; directories
// of mbox files as Thunderbird (.sbd; of a whole profile Mail and ImapMail, whose
// accounts' folders come together), Apple Mail (.mbox/mbox) and mutt keep them;
// .eml files in directories, also as Kerio Connect keeps them (FOLDER/#msgs; their
// flags are in an index of its own, and stay there). The internal date is the file's or the From_ line's, else that of
// the name (Maildir) or of the Date field. Folders that other programs call Sent
// Items, Gesendet and the like go into the account's folder of that use, unless it
// has one of that very name.
package transfer
