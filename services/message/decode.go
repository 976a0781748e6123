package message

import (
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ErrDigest says that bytes are not a digest this version of the box can read:
// damaged, or written by a later version.
var ErrDigest = errors.New("message digest is damaged or of an unknown version")

// DecodeDigest reads what AppendBinary wrote. It takes nothing on trust: every
// error is ErrDigest, and a digest that it returns keeps the promises of the
// package comment. The result shares no memory with b.
func DecodeDigest(b []byte) (*Digest, error) {
	if len(b) == 0 || b[0] != digestVersion {
		return nil, ErrDigest
	}
	r := &digestReader{text: string(b[1:])}
	d := new(Digest)
	d.Envelope = r.envelope()
	d.Root = r.part(0)
	d.HeaderLen = r.length()
	d.Size = r.length()
	d.Lines = r.length()
	d.Preview = r.string()
	d.MessageID = r.string()
	d.InReplyTo = r.strings()
	d.References = r.strings()
	d.BaseSubject = r.string()
	flags := r.byte()
	d.IsReply = flags&flagReply != 0
	d.Attachment = flags&flagAttachment != 0
	if flags&flagDate != 0 {
		seconds, zone := r.int(), r.int()
		if zone < -24*60 || zone > 24*60 {
			r.bad = true
		}
		d.Date = sentDate(seconds, int(zone))
	}
	if r.bad || r.text != "" || !d.Root.within(0, d.Size) ||
		d.Root.HeaderOffset != 0 || d.HeaderLen != d.Root.HeaderLen || d.Root.BodyOffset+d.Root.BodyLen != d.Size {
		return nil, ErrDigest
	}
	return d, nil
}

// sentDate is a Date in the one form that a digest holds: seconds, whole
// minutes of zone.
func sentDate(unix int64, zoneMinutes int) time.Time {
	if zoneMinutes == 0 {
		return time.Unix(unix, 0).UTC()
	}
	return time.Unix(unix, 0).In(time.FixedZone("", zoneMinutes*60))
}

// within reports whether p and everything below lies between the offsets.
func (p *Part) within(begin, end int64) bool {
	if p.HeaderOffset < begin || p.BodyOffset < p.HeaderOffset || p.BodyOffset > end || p.BodyLen > end-p.BodyOffset {
		return false
	}
	end = p.BodyOffset + p.BodyLen
	for i := range p.Children {
		if !p.Children[i].within(p.BodyOffset, end) {
			return false
		}
	}
	return p.Message == nil || p.Message.Root.within(p.BodyOffset, end)
}

// digestReader takes fields off the front of text; the first that is not there
// sets bad and ends the text, and from then on everything read is zero.
type digestReader struct {
	text string
	bad  bool
}

func (r *digestReader) fail() {
	r.bad = true
	r.text = ""
}

func (r *digestReader) byte() byte {
	if r.text == "" {
		r.fail()
		return 0
	}
	c := r.text[0]
	r.text = r.text[1:]
	return c
}

func (r *digestReader) uint() uint64 {
	n, size := binary.Uvarint([]byte(r.text[:min(len(r.text), binary.MaxVarintLen64)]))
	if size <= 0 {
		r.fail()
		return 0
	}
	r.text = r.text[size:]
	return n
}

func (r *digestReader) int() int64 {
	u := r.uint()
	return int64(u>>1) ^ -int64(u&1)
}

// length is an int that can't be negative.
func (r *digestReader) length() int64 {
	n := r.int()
	if n < 0 {
		r.fail()
		return 0
	}
	return n
}

// count is a number of things that take at least size bytes each.
func (r *digestReader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.text)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *digestReader) string() string {
	n := r.count(1)
	s := r.text[:n]
	r.text = r.text[n:]
	return s
}

func (r *digestReader) strings() []string {
	n := r.count(1)
	if n == 0 {
		return nil
	}
	list := make([]string, n)
	for i := range list {
		list[i] = r.string()
	}
	return list
}

func (r *digestReader) params() []Param {
	n := r.count(2)
	if n == 0 {
		return nil
	}
	list := make([]Param, n)
	for i := range list {
		list[i] = Param{r.string(), r.string()}
	}
	return list
}

func (r *digestReader) addresses() []EnvelopeAddress {
	n := r.count(5)
	if n == 0 {
		return nil
	}
	list := make([]EnvelopeAddress, n)
	for i := range list {
		kind := AddressKind(r.byte())
		if kind > GroupEnd {
			r.fail()
		}
		list[i] = EnvelopeAddress{kind, r.string(), r.string(), r.string(), r.string()}
	}
	return list
}

func (r *digestReader) envelope() Envelope {
	var e Envelope
	flags := r.byte()
	e.Date = r.string()
	e.Subject = r.string()
	e.From = r.addresses()
	e.Sender, e.ReplyTo = e.From, e.From
	if flags&flagSenderIsFrom == 0 {
		e.Sender = r.addresses()
	}
	if flags&flagReplyToIsFrom == 0 {
		e.ReplyTo = r.addresses()
	}
	e.To = r.addresses()
	e.Cc = r.addresses()
	e.Bcc = r.addresses()
	e.InReplyTo = r.string()
	e.MessageID = r.string()
	return e
}

// maxDecodedDepth stops a damaged digest from using up the stack. It is above
// every Limits.Depth in use.
const maxDecodedDepth = 200

func (r *digestReader) part(depth int) Part {
	var p Part
	if depth > maxDecodedDepth {
		r.fail()
	}
	for _, s := range []*string{&p.Type, &p.Subtype, &p.ID, &p.Description, &p.Encoding, &p.MD5, &p.Disposition, &p.Location} {
		*s = r.string()
	}
	p.Params = r.params()
	p.DispositionParams = r.params()
	p.Language = r.strings()
	for _, n := range []*int64{&p.HeaderOffset, &p.HeaderLen, &p.BodyLen, &p.Lines} {
		*n = r.length()
	}
	p.BodyOffset = p.HeaderOffset + p.HeaderLen
	switch r.byte() {
	case partLeaf:
	case partMultipart:
		n := r.count(16)
		p.Children = make([]Part, 0, n)
		for range n {
			if !r.bad {
				p.Children = append(p.Children, r.part(depth+1))
			}
		}
		if n == 0 {
			r.fail()
		}
	case partMessage:
		p.Message = &Enclosed{Envelope: r.envelope(), Root: r.part(depth + 1)}
	default:
		r.fail()
	}
	for _, s := range []string{p.Type, p.Subtype, p.Encoding, p.Disposition} {
		if strings.ToLower(s) != s {
			r.fail()
		}
	}
	if (p.Type == "multipart") != (len(p.Children) > 0) || isMessage(&p) != (p.Message != nil) {
		r.fail()
	}
	return p
}

// isMessage reports whether the part's type is one that carries a message.
func isMessage(p *Part) bool { return p.Is("message", "rfc822") || p.Is("message", "global") }
