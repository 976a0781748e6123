package message

// hasAttachment reports whether a person would say of the message that
// something is attached to it. Inside an attached message nobody looks.
func hasAttachment(p *Part) bool {
	for i := range p.Children {
		if hasAttachment(&p.Children[i]) {
			return true
		}
	}
	switch {
	case len(p.Children) > 0:
		return false
	case p.Is("application", "pgp-signature"), p.Is("application", "pgp-encrypted"),
		p.Is("application", "pkcs7-signature"), p.Is("application", "x-pkcs7-signature"):
		return false
	case p.Disposition == "attachment", isMessage(p):
		return true
	case p.Type == "text", p.Type == "message": // delivery reports and the like
		return p.Disposition != "inline" && p.Filename() != ""
	}
	// A picture that the text shows has a Content-ID to be shown by.
	return p.ID == ""
}
