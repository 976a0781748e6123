package operator

// fileHelp says what the FILE of the commands that begin with a word holds; "" where
// they take none, or it is plain.
func fileHelp(word string) string {
	switch word {
	case "content":
		return `
FILE holds all rules of the domain, for instance:

  {"rules": [
    {"name": "Card numbers", "out": true, "text": true, "ready": ["card", "iban"], "action": "hold",
     "unreadable": "hold"},
    {"name": "Salaries", "out": true, "internal": true, "words": ["salary list"], "least": 2, "action": "refuse"},
    {"name": "Scripts", "in": true, "names": true, "pattern": "\\.js$", "action": "hold"}
  ]}

in, out, internal   whose mail: from others, to others, from one of the office to another
text, header, names where to look: what people read, subject and addresses, names of
                    attachments (none of them: everywhere)
ready               card (card numbers), iban (account numbers): both with their check digits
pattern             a regular expression (RE2)
words               words or phrases, in small or capital letters
least               in how many places it must be found (usual: 1)
action              hold: it waits for you (boxctl held list); redact: it goes without what
                    was found (not what others have written); refuse: it goes back at once
unreadable          for documents attached that can't be read (with a password, damaged, too
                    large, of before 2007): hold, so that you decide, or pass (usual)

Try rules before you set them. What people send is tried on the copies in their folder
Sent, what comes in on their other folders: where no copies are kept, nothing is found.
`
	case "collect":
		return `
FILE holds one mailbox at a provider. All but the first five have a usual value:

  {"protocol": "imap", "host": "imap.provider.example", "user": "office", "password": "…", "into": "example.com",
   "port": 993, "tls": "implicit", "every": "5m", "leave": "7d", "folders": ["Work"], "paused": false,
   "fields": ["X-Original-To", "Delivered-To", "Received"], "to_cc": false, "unsorted": "office@example.com",
   "believe": "mx.provider.example"}

protocol  imap or pop3
into      somebody's address, or a domain whose mail is sorted by fields
fields    header fields that say whom a message is for; to_cc: To and Cc too
unsorted  who gets what names nobody here (usual: the postmaster)
leave     how long mail stays at the provider: days, 0 or forever
believe   the first word of the provider's Authentication-Results
`
	case "move":
		return `
FILE holds one mailbox, or a list of them in brackets:

  [{"address": "anna@example.com", "host": "imap.provider.example", "user": "anna", "password": "…",
    "port": 993, "tls": "implicit", "leave": ["Spam"]}]

address   who gets the mail here
leave     folders there that don't come
`
	}
	return ""
}
