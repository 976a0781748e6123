package imapd

import (
	"github.com/sanduk-mail/sanduk/services/message"
)

// writeEnvelope writes an ENVELOPE (RFC 9051 §7.5.2).
func (s *session) writeEnvelope(e *message.Envelope) {
	s.w.Byte('(')
	s.w.NString(e.Date)
	s.w.SP()
	s.w.NString(e.Subject)
	for _, list := range [][]message.EnvelopeAddress{e.From, e.Sender, e.ReplyTo, e.To, e.Cc, e.Bcc} {
		s.w.SP()
		s.writeAddresses(list)
	}
	s.w.SP()
	s.w.NString(e.InReplyTo)
	s.w.SP()
	s.w.NString(e.MessageID)
	s.w.Byte(')')
}

func (s *session) writeAddresses(list []message.EnvelopeAddress) {
	if len(list) == 0 {
		s.w.Raw("NIL")
		return
	}
	s.w.Byte('(')
	for i := range list {
		a := &list[i]
		s.w.Byte('(')
		s.w.NString(a.Name)
		s.w.SP()
		s.w.NString(a.Route)
		s.w.SP()
		switch a.Kind {
		case message.GroupStart:
			s.w.String(a.Mailbox)
			s.w.Raw(" NIL)")
		case message.GroupEnd:
			s.w.Raw("NIL NIL)")
		default:
			s.w.String(a.Mailbox)
			s.w.SP()
			s.w.String(a.Host)
			s.w.Byte(')')
		}
	}
	s.w.Byte(')')
}

// writeBody writes a BODYSTRUCTURE, or a BODY, which is one without the
// extension data (RFC 9051 §7.5.2). The digest bounds its depth.
func (s *session) writeBody(p *message.Part, extended bool) {
	s.w.Byte('(')
	if p.Type == "multipart" {
		s.writeMultipart(p, extended)
	} else {
		s.writeSinglePart(p, extended)
	}
	if extended {
		s.writeExtension(p)
	}
	s.w.Byte(')')
}

func (s *session) writeMultipart(p *message.Part, extended bool) {
	for i := range p.Children {
		s.writeBody(&p.Children[i], extended)
	}
	if len(p.Children) == 0 {
		// The grammar wants one at least; a digest promises it.
		s.w.Raw(`("text" "plain" NIL NIL NIL "7bit" 0 0)`)
	}
	s.w.SP()
	s.w.String(p.Subtype)
}

func (s *session) writeSinglePart(p *message.Part, extended bool) {
	s.w.String(p.Type)
	s.w.SP()
	s.w.String(p.Subtype)
	s.w.SP()
	s.writeParams(p.Params)
	s.w.SP()
	s.w.NString(p.ID)
	s.w.SP()
	s.w.NString(p.Description)
	s.w.SP()
	s.w.String(p.Encoding)
	s.w.SP()
	s.w.Number(uint64(p.BodyLen))
	if p.Message != nil {
		s.w.SP()
		s.writeEnvelope(&p.Message.Envelope)
		s.w.SP()
		s.writeBody(&p.Message.Root, extended)
	}
	if p.Message != nil || p.Type == "text" {
		s.w.SP()
		s.w.Number(uint64(p.Lines))
	}
}

// writeExtension writes what BODYSTRUCTURE has beyond BODY.
func (s *session) writeExtension(p *message.Part) {
	s.w.SP()
	if p.Type == "multipart" {
		s.writeParams(p.Params)
	} else {
		s.w.NString(p.MD5)
	}
	s.w.SP()
	s.writeDisposition(p)
	s.w.SP()
	s.writeLanguages(p.Language)
	s.w.SP()
	s.w.NString(p.Location)
}

func (s *session) writeDisposition(p *message.Part) {
	if p.Disposition == "" {
		s.w.Raw("NIL")
		return
	}
	s.w.Byte('(')
	s.w.String(p.Disposition)
	s.w.SP()
	s.writeParams(p.DispositionParams)
	s.w.Byte(')')
}

func (s *session) writeLanguages(languages []string) {
	if len(languages) == 0 {
		s.w.Raw("NIL")
		return
	}
	for i, language := range languages {
		if i == 0 {
			s.w.Byte('(')
		} else {
			s.w.SP()
		}
		s.w.String(language)
	}
	s.w.Byte(')')
}

func (s *session) writeParams(params []message.Param) {
	if len(params) == 0 {
		s.w.Raw("NIL")
		return
	}
	for i, p := range params {
		if i == 0 {
			s.w.Byte('(')
		} else {
			s.w.SP()
		}
		s.w.String(p.Name)
		s.w.SP()
		s.w.String(p.Value)
	}
	s.w.Byte(')')
}
