package transfer

import (
	"slices"
	"strings"
)

// A profile of Thunderbird holds, below Mail a directory for what is on this computer
// (Local Folders) and one for each POP server, and below ImapMail one for each IMAP
// server. In each stand the account's folders: INBOX, INBOX.sbd/Work. As folders of one
// person here, what is above them says nothing: the folders of all accounts come
// together, those of the same name in one.

// inProfile takes off, of the levels of a file's path, those above the folders of an
// account of Thunderbird, if that is where it is.
func inProfile(levels []string) []string {
	for i := range levels[:max(0, len(levels)-2)] {
		above, account := levels[i], levels[i+1]
		if above == "Mail" && (account == "Local Folders" || isHost(account)) || above == "ImapMail" && isHost(account) {
			return levels[i+2:]
		}
	}
	return levels
}

// isHost reports whether it may be the name of a server, as Thunderbird makes it a
// directory: "imap.example.com", or for a second account there "imap.example-1.com".
func isHost(name string) bool {
	labels := strings.Split(name, ".")
	if last := labels[len(labels)-1]; last == "sbd" || last == "mbox" {
		return false
	}
	return len(labels) > 1 && !slices.ContainsFunc(labels, func(label string) bool {
		return label == "" || strings.ContainsFunc(label, func(r rune) bool {
			return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
		})
	})
}
