package message

import (
	"encoding/binary"
	"slices"
)

// digestVersion stands first in an encoded digest. A reader refuses versions it
// does not know. Version 1: unsigned and zig-zag varints of encoding/binary;
// strings and lists as count and contents; structs as their fields in the order
// of their declaration, with the differences that appendX and readX show.
const digestVersion = 1

// AppendBinary appends the digest's binary form to b. DecodeDigest reads it.
func (d *Digest) AppendBinary(b []byte) []byte {
	b = append(b, digestVersion)
	b = appendEnvelope(b, &d.Envelope)
	b = appendPart(b, &d.Root)
	b = appendInt(b, d.HeaderLen)
	b = appendInt(b, d.Size)
	b = appendInt(b, d.Lines)
	b = appendString(b, d.Preview)
	b = appendString(b, d.MessageID)
	b = appendStrings(b, d.InReplyTo)
	b = appendStrings(b, d.References)
	b = appendString(b, d.BaseSubject)
	var flags byte
	if d.IsReply {
		flags |= flagReply
	}
	if d.Attachment {
		flags |= flagAttachment
	}
	if d.Date.IsZero() {
		return append(b, flags)
	}
	b = append(b, flags|flagDate)
	_, zone := d.Date.Zone()
	b = appendInt(b, d.Date.Unix())
	return appendInt(b, int64(zone/60))
}

// Bits of the flags byte of a digest.
const (
	flagReply = 1 << iota
	flagAttachment
	flagDate
)

// Bits of the byte in front of an envelope: these lists equal From's, which is
// what RFC 9051 §7.5.2 makes them when they are absent.
const (
	flagSenderIsFrom = 1 << iota
	flagReplyToIsFrom
)

func appendEnvelope(b []byte, e *Envelope) []byte {
	var flags byte
	if slices.Equal(e.Sender, e.From) {
		flags |= flagSenderIsFrom
	}
	if slices.Equal(e.ReplyTo, e.From) {
		flags |= flagReplyToIsFrom
	}
	b = append(b, flags)
	b = appendString(b, e.Date)
	b = appendString(b, e.Subject)
	b = appendAddresses(b, e.From)
	if flags&flagSenderIsFrom == 0 {
		b = appendAddresses(b, e.Sender)
	}
	if flags&flagReplyToIsFrom == 0 {
		b = appendAddresses(b, e.ReplyTo)
	}
	b = appendAddresses(b, e.To)
	b = appendAddresses(b, e.Cc)
	b = appendAddresses(b, e.Bcc)
	b = appendString(b, e.InReplyTo)
	return appendString(b, e.MessageID)
}

func appendAddresses(b []byte, list []EnvelopeAddress) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, a := range list {
		b = append(b, byte(a.Kind))
		b = appendString(b, a.Name)
		b = appendString(b, a.Route)
		b = appendString(b, a.Mailbox)
		b = appendString(b, a.Host)
	}
	return b
}

// What stands behind a part's own fields.
const (
	partLeaf byte = iota
	partMultipart
	partMessage
)

func appendPart(b []byte, p *Part) []byte {
	for _, s := range []string{p.Type, p.Subtype, p.ID, p.Description, p.Encoding, p.MD5, p.Disposition, p.Location} {
		b = appendString(b, s)
	}
	b = appendParams(b, p.Params)
	b = appendParams(b, p.DispositionParams)
	b = appendStrings(b, p.Language)
	// BodyOffset follows from the first two.
	for _, n := range []int64{p.HeaderOffset, p.HeaderLen, p.BodyLen, p.Lines} {
		b = appendInt(b, n)
	}
	switch {
	case len(p.Children) > 0:
		b = append(b, partMultipart)
		b = binary.AppendUvarint(b, uint64(len(p.Children)))
		for i := range p.Children {
			b = appendPart(b, &p.Children[i])
		}
	case p.Message != nil:
		b = append(b, partMessage)
		b = appendEnvelope(b, &p.Message.Envelope)
		b = appendPart(b, &p.Message.Root)
	default:
		b = append(b, partLeaf)
	}
	return b
}

func appendParams(b []byte, params []Param) []byte {
	b = binary.AppendUvarint(b, uint64(len(params)))
	for _, p := range params {
		b = appendString(b, p.Name)
		b = appendString(b, p.Value)
	}
	return b
}

func appendStrings(b []byte, list []string) []byte {
	b = binary.AppendUvarint(b, uint64(len(list)))
	for _, s := range list {
		b = appendString(b, s)
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.AppendUvarint(b, uint64(len(s)))
	return append(b, s...)
}

func appendInt(b []byte, n int64) []byte { return binary.AppendVarint(b, n) }
