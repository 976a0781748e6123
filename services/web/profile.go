package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/xml"
	"fmt"
	"net/http"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// plist writes a property list of Apple's, the few kinds of values that profiles have.
type plist struct{ bytes.Buffer }

func (p *plist) text(s string) {
	_ = xml.EscapeText(&p.Buffer, []byte(s)) // a buffer takes all
}

// pair writes a key with its value: text, a number, a truth, bytes, a dictionary of
// pairs or a list of such.
func (p *plist) pair(key string, value any) {
	p.WriteString("<key>")
	p.text(key)
	p.WriteString("</key>")
	p.value(value)
}

type plistPair struct {
	key   string
	value any
}

func (p *plist) value(value any) {
	switch v := value.(type) {
	case string:
		p.WriteString("<string>")
		p.text(v)
		p.WriteString("</string>\n")
	case int:
		fmt.Fprintf(p, "<integer>%d</integer>\n", v)
	case bool:
		fmt.Fprintf(p, "<%t/>\n", v)
	case []byte:
		p.WriteString("<data>" + base64.StdEncoding.EncodeToString(v) + "</data>\n")
	case []plistPair:
		p.WriteString("<dict>\n")
		for _, x := range v {
			p.pair(x.key, x.value)
		}
		p.WriteString("</dict>\n")
	case [][]plistPair:
		p.WriteString("<array>\n")
		for _, x := range v {
			p.value(x)
		}
		p.WriteString("</array>\n")
	}
}

// profileID is the same for the same box and address, so that a profile that is
// installed again takes the place of the first.
func profileID(ca []byte, what string) string {
	sum := sha256.Sum256(append([]byte(what+"\x00"), ca...))
	sum[6], sum[8] = sum[6]&0x0f|0x80, sum[8]&0x3f|0x80 // RFC 9562 §5.8
	return fmt.Sprintf("%X-%X-%X-%X-%X", sum[:4], sum[4:6], sum[6:8], sum[8:10], sum[10:16])
}

// appleProfile is GET /profile.mobileconfig?address=…: for iPhones, iPads and Macs, the
// box's authority where it takes one, and with an address of the office's the account of
// it. It holds no password and is given for every address, existing or not, so it tells
// nobody who works here. It isn't signed: what would sign it is not yet believed.
func (s *Server) appleProfile(w http.ResponseWriter, r *http.Request) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	ca := s.opt.Certificates.CA()
	var contents [][]plistPair
	payload := func(kind, what, name string, more ...plistPair) {
		id := profileID(ca, what)
		contents = append(contents, append([]plistPair{
			{"PayloadType", kind}, {"PayloadVersion", 1}, {"PayloadIdentifier", "sanduk." + id}, {"PayloadUUID", id}, {"PayloadDisplayName", name},
		}, more...))
	}
	if len(ca) > 0 {
		payload("com.apple.security.root", "ca", "Authority of the mail box", plistPair{"PayloadCertificateFileName", "sanduk-ca.crt"}, plistPair{"PayloadContent", ca})
	}
	title := "Mail box of the office"
	if text := r.URL.Query().Get("address"); text != "" {
		address, err := mail.ParseAddress(text)
		if err != nil || !state.SetUp || !ours(address, state.Domains) {
			return &Problem{Status: http.StatusBadRequest, Field: "address", Message: "This address is in none of the office's domains.", WhatToDo: "Write it like alice@example.com."}
		}
		title = "Mail of " + address.String()
		payload("com.apple.mail.managed", "mail "+address.String(), title, appleAccount(address.String(), state.Hostname.String(), s.ports(r))...)
	}
	if len(contents) == 0 {
		return &Problem{Status: http.StatusNotFound, Message: "There is nothing to install: devices trust this box already.", WhatToDo: "Ask for the profile of an address."}
	}
	id := profileID(ca, "profile "+title)
	var p plist
	p.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n" + `<plist version="1.0">` + "\n")
	p.value([]plistPair{
		{"PayloadType", "Configuration"}, {"PayloadVersion", 1}, {"PayloadIdentifier", "sanduk." + id}, {"PayloadUUID", id},
		{"PayloadDisplayName", title}, {"PayloadRemovalDisallowed", false}, {"PayloadContent", contents},
	})
	p.WriteString("</plist>\n")
	w.Header().Set("Content-Type", "application/x-apple-aspen-config")
	w.Header().Set("Content-Disposition", `attachment; filename="mail.mobileconfig"`)
	w.Header().Set("Content-Length", itoa(p.Len()))
	_, _ = w.Write(p.Bytes()) // the reader is gone when this fails
	return nil
}

// appleAccount is the payload com.apple.mail.managed: both ways with TLS from the first
// byte (RFC 8314 §3). The password is asked for when it is installed, once.
func appleAccount(address, host string, ports Ports) []plistPair {
	const password = "EmailAuthPassword"
	return []plistPair{
		{"EmailAccountType", "EmailTypeIMAP"}, {"EmailAddress", address}, {"EmailAccountDescription", address},
		{"IncomingMailServerHostName", host}, {"IncomingMailServerPortNumber", ports.IMAPS}, {"IncomingMailServerUseSSL", true},
		{"IncomingMailServerUsername", address}, {"IncomingMailServerAuthentication", password},
		{"OutgoingMailServerHostName", host}, {"OutgoingMailServerPortNumber", ports.Submissions}, {"OutgoingMailServerUseSSL", true},
		{"OutgoingMailServerUsername", address}, {"OutgoingMailServerAuthentication", password}, {"OutgoingPasswordSameAsIncomingPassword", true},
	}
}
