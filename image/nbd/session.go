package nbd

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// Requests and their answers.
const (
	magicRequest = 0x25609513
	magicSimple  = 0x67446698

	cmdRead  = 0
	cmdWrite = 1
	cmdDisc  = 2
	cmdFlush = 3
	cmdTrim  = 4

	flagFUA = 1

	errnoIO    = 5
	errnoInval = 22
)

// maxPayload is the most that one request may carry, as clients assume when nothing else is said.
const maxPayload = 32 << 20

// session is one client's connection.
type session struct {
	disk *Disk
	in   *bufio.Reader
	out  io.Writer
}

func newSession(d *Disk, conn io.ReadWriter) *session {
	return &session{disk: d, in: bufio.NewReaderSize(conn, 64<<10), out: conn}
}

// run talks to the client until it leaves.
func (s *session) run() error {
	if err := s.negotiate(); err != nil {
		return err
	}
	for {
		if err := s.request(); err != nil {
			return err
		}
	}
}

func (s *session) send(b []byte) error {
	_, err := s.out.Write(b)
	return err
}

// request carries out one request.
func (s *session) request() error {
	var head struct {
		Magic          uint32
		Flags, Command uint16
		Handle, Offset uint64
		Length         uint32
	}
	if err := binary.Read(s.in, binary.BigEndian, &head); err != nil {
		return err
	}
	if head.Magic != magicRequest {
		return fmt.Errorf("nbd: no request: magic %#x", head.Magic)
	}
	off, n, fua := int64(head.Offset), int64(head.Length), head.Flags&flagFUA != 0
	var data []byte
	var err error
	switch head.Command {
	case cmdDisc:
		return errHangUp
	case cmdRead:
		if n > maxPayload {
			err = errRange
			break
		}
		data = make([]byte, n)
		_, err = s.disk.ReadAt(data, off)
	case cmdWrite:
		if n > maxPayload {
			return fmt.Errorf("nbd: a write of %d bytes", n) // what follows can't be told from requests
		}
		payload := make([]byte, n)
		if _, err := io.ReadFull(s.in, payload); err != nil {
			return err
		}
		err = s.disk.WriteAt(payload, off, fua)
	case cmdFlush:
		err = s.disk.Flush()
	case cmdTrim:
		err = s.disk.Trim(off, n, fua)
	default:
		err = errRange
	}
	if errors.Is(err, errDead) {
		// No answer, and no end of the connection either, which a client could tell its users: a disk without power says
		// nothing. The connection ends when the server is closed or the client is killed.
		_, err := io.Copy(io.Discard, s.in)
		return errors.Join(errDead, err)
	}
	return s.answer(head.Handle, data, err)
}

func (s *session) answer(handle uint64, data []byte, err error) error {
	code := uint32(0)
	switch {
	case errors.Is(err, errRange):
		code, data = errnoInval, nil
	case err != nil:
		code, data = errnoIO, nil
	}
	b := binary.BigEndian.AppendUint32(make([]byte, 0, 16+len(data)), magicSimple)
	b = binary.BigEndian.AppendUint32(b, code)
	b = binary.BigEndian.AppendUint64(b, handle)
	return s.send(append(b, data...))
}
