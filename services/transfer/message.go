package transfer

import (
	"io"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// Folder is where a message stands in an archive.
type Folder struct {
	Name string // UTF-8, levels separated by mail.Delimiter
	// Exact says that the archive notes the mailbox's own name and role: a box
	// wrote it. Otherwise the name is a file's or another program's, and what it
	// means is for the import to guess.
	Exact      bool
	Role       mail.Role // only with Exact
	Subscribed bool      // only with Exact
}

// Message is one message of an archive, or, without Body, word that a folder is
// there.
type Message struct {
	Folder Folder
	// Place says to a person where in the archive the message stands.
	Place string
	// Body is the message, with CR LF at its line ends if it had plain LF (see
	// doc.go). It is good until the next message is asked for.
	Body io.Reader

	// The rest is known when Body has been read to its end.

	Flags    mail.Flags
	Internal time.Time // when it was received; zero if the archive doesn't say
	// Gone says that the program which wrote the archive regards the message as
	// removed, or that it is no message but that program's notes.
	Gone bool
}

// maxLevel bounds one level of a name that is made of a file's, in bytes.
const maxLevel = 255

// folderName makes a possible mailbox name of an archive's levels. What no
// mailbox name can hold is replaced or left out, so that mail of a strangely
// named folder comes in rather than stays out.
func folderName(levels ...string) string {
	var kept []string
	for _, level := range levels {
		level = strings.ToValidUTF8(level, "�")
		level = strings.Map(func(r rune) rune {
			if r == mail.Delimiter || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' {
				return '_'
			}
			return r
		}, level)
		if level = strings.TrimSpace(norm.NFC.String(cutText(level, maxLevel))); level != "" {
			kept = append(kept, level)
		}
	}
	if n := mail.MaxMailboxDepth / 2; len(kept) > n { // room for the folder that all goes into
		kept = append(kept[:n-1], cutText(strings.Join(kept[n-1:], "_"), maxLevel))
	}
	for len(kept) > 0 {
		if name, err := mail.MailboxName(strings.Join(kept, string(mail.Delimiter))); err == nil {
			return name
		}
		kept = kept[:len(kept)-1] // too long: its mail stands one level up
	}
	return ""
}

// cutText shortens s to at most n bytes, between characters.
func cutText(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

// SpecialUse is the role that a folder of this name has in the programs people
// come from: Outlook, Apple Mail, Thunderbird, Gmail and the like, in the
// languages of offices that a box stands in. It is asked for top-level names
// only, without regard to case.
func SpecialUse(name string) mail.Role {
	for role, names := range map[mail.Role]string{
		mail.RoleInbox: "inbox|posteingang|boîte de réception|posta in arrivo|bandeja de entrada|priemno sanduče|poštansko sanduče|kutia hyrëse",
		mail.RoleSent: "sent|sent items|sent messages|sent mail|sent-mail|gesendet|gesendete objekte|gesendete elemente|gesendete nachrichten|" +
			"éléments envoyés|messages envoyés|envoyés|posta inviata|inviati|enviados|elementos enviados|poslato|poslano|të dërguara|verzonden items|wysłane",
		mail.RoleDrafts: "drafts|draft|entwürfe|brouillons|bozze|borradores|nacrti|draftet|concepten|szkice",
		mail.RoleTrash: "trash|deleted items|deleted messages|deleted|bin|papierkorb|gelöschte objekte|gelöschte elemente|corbeille|éléments supprimés|" +
			"cestino|posta eliminata|papelera|elementos eliminados|otpad|smeće|koshi|prullenbak|kosz",
		mail.RoleJunk: "junk|junk e-mail|junk email|junk mail|spam|bulk mail|unerwünscht|courrier indésirable|indésirables|" +
			"posta indesiderata|correo no deseado|neželjena pošta|ongewenste e-mail",
		mail.RoleArchive: "archive|archives|archiv|archivio|archivo|arhiva|arkivi|archief|archiwum",
	} {
		for known := range strings.SplitSeq(names, "|") {
			if strings.EqualFold(known, name) {
				return role
			}
		}
	}
	return mail.RoleNone
}
