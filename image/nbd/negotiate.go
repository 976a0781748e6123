package nbd

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// The negotiation's numbers.
const (
	magicServer = 0x4e42444d41474943 // "NBDMAGIC"
	magicOption = 0x49484156454f5054 // "IHAVEOPT"
	magicReply  = 0x3e889045565a9

	flagFixedNewstyle = 1
	flagNoZeroes      = 2

	optExportName = 1
	optAbort      = 2
	optList       = 3
	optInfo       = 6
	optGo         = 7

	replyAck        = 1
	replyServer     = 2
	replyInfo       = 3
	replyErrUnsup   = 1<<31 + 1
	replyErrInvalid = 1<<31 + 3

	infoExport    = 0
	infoBlockSize = 3

	// What the disk can do, told at the end: has flags, flush, FUA, trim.
	transmission = 1<<0 | 1<<2 | 1<<3 | 1<<5
)

const (
	// maxOption bounds what a client may say with an option: a name of at most 4096 bytes and a few requests.
	maxOption = 8 << 10
	// maxOptions bounds a client that never comes to the point.
	maxOptions = 100
	// preferredBlock is the file system's block size.
	preferredBlock = 4096
)

// errHangUp means that the client ended the conversation as it may.
var errHangUp = errors.New("nbd: the client is done")

// negotiate talks until the client wants to read and write. Any export's name is right: there is one.
func (s *session) negotiate() error {
	hello := binary.BigEndian.AppendUint64(nil, magicServer)
	hello = binary.BigEndian.AppendUint64(hello, magicOption)
	hello = binary.BigEndian.AppendUint16(hello, flagFixedNewstyle|flagNoZeroes)
	if err := s.send(hello); err != nil {
		return err
	}
	var flags uint32
	if err := binary.Read(s.in, binary.BigEndian, &flags); err != nil {
		return err
	}
	if flags&^(flagFixedNewstyle|flagNoZeroes) != 0 {
		return fmt.Errorf("nbd: unknown client flags %#x", flags)
	}
	for range maxOptions {
		done, err := s.option(flags&flagNoZeroes != 0)
		if done || err != nil {
			return err
		}
	}
	return errors.New("nbd: the client never comes to the point")
}

// option answers one option; done says that reading and writing begins.
func (s *session) option(noZeroes bool) (done bool, err error) {
	var head struct {
		Magic          uint64
		Option, Length uint32
	}
	if err := binary.Read(s.in, binary.BigEndian, &head); err != nil {
		return false, err
	}
	if head.Magic != magicOption || head.Length > maxOption {
		return false, fmt.Errorf("nbd: no option: magic %#x, length %d", head.Magic, head.Length)
	}
	data := make([]byte, head.Length)
	if _, err := io.ReadFull(s.in, data); err != nil {
		return false, err
	}
	switch head.Option {
	case optExportName:
		answer := binary.BigEndian.AppendUint64(nil, uint64(s.disk.Size()))
		answer = binary.BigEndian.AppendUint16(answer, transmission)
		if !noZeroes {
			answer = append(answer, make([]byte, 124)...)
		}
		return true, s.send(answer)
	case optAbort:
		return false, errors.Join(s.reply(head.Option, replyAck, nil), errHangUp)
	case optList:
		if err := s.reply(head.Option, replyServer, make([]byte, 4)); err != nil { // one export, whose name is empty
			return false, err
		}
		return false, s.reply(head.Option, replyAck, nil)
	case optInfo, optGo:
		if !validInfo(data) {
			return false, s.reply(head.Option, replyErrInvalid, nil)
		}
		return head.Option == optGo, s.info(head.Option)
	}
	return false, s.reply(head.Option, replyErrUnsup, nil)
}

// validInfo checks a request for information: length of the name, name, number of wishes, wishes.
func validInfo(data []byte) bool {
	if len(data) < 6 {
		return false
	}
	name := uint64(binary.BigEndian.Uint32(data))
	if name > uint64(len(data)-6) {
		return false
	}
	wishes := binary.BigEndian.Uint16(data[4+name:])
	return uint64(len(data)) == 6+name+2*uint64(wishes)
}

// info tells everything there is, wished for or not, as a server may.
func (s *session) info(option uint32) error {
	export := binary.BigEndian.AppendUint16(nil, infoExport)
	export = binary.BigEndian.AppendUint64(export, uint64(s.disk.Size()))
	export = binary.BigEndian.AppendUint16(export, transmission)
	block := binary.BigEndian.AppendUint16(nil, infoBlockSize)
	for _, n := range []uint32{sector, preferredBlock, maxPayload} {
		block = binary.BigEndian.AppendUint32(block, n)
	}
	if err := s.reply(option, replyInfo, export); err != nil {
		return err
	}
	if err := s.reply(option, replyInfo, block); err != nil {
		return err
	}
	return s.reply(option, replyAck, nil)
}

func (s *session) reply(option, kind uint32, data []byte) error {
	b := binary.BigEndian.AppendUint64(nil, magicReply)
	b = binary.BigEndian.AppendUint32(b, option)
	b = binary.BigEndian.AppendUint32(b, kind)
	b = binary.BigEndian.AppendUint32(b, uint32(len(data)))
	return s.send(append(b, data...))
}
