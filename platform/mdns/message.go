package mdns

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// maxPacket is RFC 6762 §17: no message may be longer.
	maxPacket = 9000
	// maxQuestions and maxRecords bound what is looked at in one packet; an
	// honest one that concerns us has a handful of each.
	maxQuestions = 64
	maxRecords   = 256

	// recordTTL is RFC 6762 §10 for records that name a host, in seconds.
	recordTTL = 120
	// legacyTTL is RFC 6762 §6.7 for answers to ordinary resolvers.
	legacyTTL = 10

	// topBit is "answer by unicast" in a question's class (§5.4) and "I am the
	// only one" in a record's (§10.2).
	topBit = 1 << 15

	typeNSEC = dnsmessage.Type(47)
)

// question is one that concerns a host name.
type question struct {
	name    string // lower case, with final dot
	kind    dnsmessage.Type
	unicast bool
}

// record is an address record.
type record struct {
	name string // lower case, with final dot
	addr netip.Addr
	ttl  uint32
}

// message is what we take from a packet.
type message struct {
	id        uint16
	response  bool
	questions []question
	answers   []record
	authority []record // what a prober is about to claim
}

var errTooMuch = errors.New("mdns: too many records in one packet")

// parse reads one packet. Records that are not addresses are passed over.
func parse(b []byte) (message, error) {
	if len(b) > maxPacket {
		return message{}, errTooMuch
	}
	var p dnsmessage.Parser
	h, err := p.Start(b)
	if err != nil {
		return message{}, fmt.Errorf("mdns: header: %w", err)
	}
	// RFC 6762 §18.3, §18.11: other operations and answers with errors are ignored.
	if h.OpCode != 0 || h.RCode != dnsmessage.RCodeSuccess {
		return message{}, errors.New("mdns: not a query or an answer")
	}
	m := message{id: h.ID, response: h.Response}
	if m.questions, err = parseQuestions(&p); err != nil {
		return message{}, err
	}
	budget := maxRecords
	if m.answers, err = parseRecords(&p, p.AnswerHeader, p.SkipAnswer, &budget); err != nil {
		return message{}, err
	}
	m.authority, err = parseRecords(&p, p.AuthorityHeader, p.SkipAuthority, &budget)
	return m, err
}

func parseQuestions(p *dnsmessage.Parser) ([]question, error) {
	var list []question
	for n := 0; ; n++ {
		q, err := p.Question()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("mdns: question: %w", err)
		}
		if n == maxQuestions {
			return nil, errTooMuch
		}
		class := q.Class &^ topBit
		if class != dnsmessage.ClassINET && class != dnsmessage.ClassANY {
			continue
		}
		list = append(list, question{
			name: strings.ToLower(q.Name.String()), kind: q.Type, unicast: q.Class&topBit != 0,
		})
	}
}

// parseRecords reads one section with the parser's methods for it.
func parseRecords(p *dnsmessage.Parser, header func() (dnsmessage.ResourceHeader, error), skip func() error, budget *int) ([]record, error) {
	var list []record
	for {
		h, err := header()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return list, nil
		}
		if err != nil {
			return nil, fmt.Errorf("mdns: record: %w", err)
		}
		if *budget--; *budget < 0 {
			return nil, errTooMuch
		}
		r := record{name: strings.ToLower(h.Name.String()), ttl: h.TTL}
		switch {
		case h.Class&^topBit == dnsmessage.ClassINET && h.Type == dnsmessage.TypeA:
			a, err := p.AResource()
			if err != nil {
				return nil, fmt.Errorf("mdns: A record: %w", err)
			}
			r.addr = netip.AddrFrom4(a.A)
		case h.Class&^topBit == dnsmessage.ClassINET && h.Type == dnsmessage.TypeAAAA:
			a, err := p.AAAAResource()
			if err != nil {
				return nil, fmt.Errorf("mdns: AAAA record: %w", err)
			}
			r.addr = netip.AddrFrom16(a.AAAA)
		default:
			if err := skip(); err != nil {
				return nil, fmt.Errorf("mdns: record: %w", err)
			}
			continue
		}
		list = append(list, r)
	}
}

// reply is an answer to be built.
type reply struct {
	id       uint16
	name     dnsmessage.Name
	addrs    []netip.Addr
	missing  bool      // say with NSEC that there are no other addresses
	question *question // repeated in answers to ordinary resolvers only
	ttl      uint32
	unique   bool // set the "I am the only one" bit
}

// bytes builds the packet; names are not compressed, it is short enough.
func (r reply) bytes() ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: r.id, Response: true, Authoritative: true})
	if r.question != nil {
		if err := errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{
			Name: r.name, Type: r.question.kind, Class: dnsmessage.ClassINET})); err != nil {
			return nil, fmt.Errorf("mdns: build answer: %w", err)
		}
	}
	class := dnsmessage.ClassINET
	if r.unique {
		class |= topBit
	}
	if err := b.StartAnswers(); err != nil {
		return nil, fmt.Errorf("mdns: build answer: %w", err)
	}
	h := dnsmessage.ResourceHeader{Name: r.name, Class: class, TTL: r.ttl}
	if err := addAddresses(&b, h, r.addrs); err != nil {
		return nil, fmt.Errorf("mdns: build answer: %w", err)
	}
	if r.missing {
		h.Type = typeNSEC
		if err := b.UnknownResource(h, dnsmessage.UnknownResource{Type: typeNSEC, Data: nsec(r.name, r.addrs)}); err != nil {
			return nil, fmt.Errorf("mdns: build answer: %w", err)
		}
	}
	return b.Finish()
}

// probe asks who has the name and says what we would claim (RFC 6762 §8.1).
func probe(name dnsmessage.Name, addrs []netip.Addr) ([]byte, error) {
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{})
	err := errors.Join(b.StartQuestions(), b.Question(dnsmessage.Question{
		Name: name, Type: dnsmessage.TypeALL, Class: dnsmessage.ClassINET | topBit,
	}), b.StartAuthorities())
	if err == nil {
		err = addAddresses(&b, dnsmessage.ResourceHeader{Name: name, Class: dnsmessage.ClassINET, TTL: recordTTL}, addrs)
	}
	if err != nil {
		return nil, fmt.Errorf("mdns: build probe: %w", err)
	}
	return b.Finish()
}

func addAddresses(b *dnsmessage.Builder, h dnsmessage.ResourceHeader, addrs []netip.Addr) error {
	for _, a := range addrs {
		var err error
		if a.Is4() {
			err = b.AResource(h, dnsmessage.AResource{A: a.As4()})
		} else {
			err = b.AAAAResource(h, dnsmessage.AAAAResource{AAAA: a.As16()})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nsec is the data of an NSEC record that lists the address types there are
// (RFC 6762 §6.1): the name itself, window 0, bitmap.
func nsec(name dnsmessage.Name, addrs []netip.Addr) []byte {
	var data []byte
	for label := range strings.SplitSeq(strings.TrimSuffix(name.String(), "."), ".") {
		data = append(append(data, byte(len(label))), label...)
	}
	var bitmap [4]byte // types 0 to 31: A is 1, AAAA is 28
	for _, a := range addrs {
		kind := 28
		if a.Is4() {
			kind = 1
		}
		bitmap[kind/8] |= 0x80 >> (kind % 8)
	}
	data = append(data, 0, 0, byte(len(bitmap)))
	return append(data, bitmap[:]...)
}
