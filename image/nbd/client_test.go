package nbd

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"testing"
)

// client is the least a client can do: one request at a time.
type client struct {
	server *Server
	conn   net.Conn
	size   uint64
	flags  uint16
}

// serve serves a disk for the length of a test and connects to it.
func serve(t *testing.T, d *Disk) *client {
	t.Helper()
	s, err := Listen(filepath.Join(t.TempDir(), "s"), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	conn, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	c := &client{server: s, conn: conn}
	c.hello(t)
	return c
}

func (c *client) read(t *testing.T, v any) {
	t.Helper()
	if err := binary.Read(c.conn, binary.BigEndian, v); err != nil {
		t.Fatal(err)
	}
}

func (c *client) write(t *testing.T, v any) {
	t.Helper()
	if err := binary.Write(c.conn, binary.BigEndian, v); err != nil {
		t.Fatal(err)
	}
}

func (c *client) hello(t *testing.T) {
	t.Helper()
	var hello struct {
		Server, Option uint64
		Flags          uint16
	}
	c.read(t, &hello)
	if hello.Server != magicServer || hello.Option != magicOption || hello.Flags != 3 {
		t.Fatalf("the server says %+v", hello)
	}
	c.write(t, uint32(3))
}

type optionReply struct {
	Magic                uint64
	Option, Kind, Length uint32
}

// ask sends an option and gives the replies up to the last.
func (c *client) ask(t *testing.T, option uint32, data []byte) (kinds []uint32, replies [][]byte) {
	t.Helper()
	c.write(t, uint64(magicOption))
	c.write(t, [2]uint32{option, uint32(len(data))})
	c.write(t, data)
	for {
		var head optionReply
		c.read(t, &head)
		if head.Magic != magicReply || head.Option != option {
			t.Fatalf("reply %+v to option %d", head, option)
		}
		body := make([]byte, head.Length)
		c.read(t, body)
		kinds, replies = append(kinds, head.Kind), append(replies, body)
		if head.Kind == replyAck || head.Kind >= 1<<31 {
			return kinds, replies
		}
	}
}

// begin ends the negotiation.
func (c *client) begin(t *testing.T) {
	t.Helper()
	kinds, replies := c.ask(t, optGo, []byte{0, 0, 0, 0, 0, 0})
	if kinds[len(kinds)-1] != replyAck || len(replies[0]) != 12 {
		t.Fatalf("GO: replies %v %v", kinds, replies)
	}
	c.size, c.flags = binary.BigEndian.Uint64(replies[0][2:]), binary.BigEndian.Uint16(replies[0][10:])
}

// do sends one request and gives the answer's error number and data.
func (c *client) do(t *testing.T, command, flags uint16, off int64, n int, data []byte) (uint32, []byte) {
	t.Helper()
	const handle = 0x0123456789abcdef
	c.write(t, struct {
		Magic          uint32
		Flags, Command uint16
		Handle, Offset uint64
		Length         uint32
	}{magicRequest, flags, command, handle, uint64(off), uint32(n)})
	c.write(t, data)
	var answer struct {
		Magic, Error uint32
		Handle       uint64
	}
	c.read(t, &answer)
	if answer.Magic != magicSimple || answer.Handle != handle {
		t.Fatalf("answer %+v", answer)
	}
	if command != cmdRead || answer.Error != 0 {
		return answer.Error, nil
	}
	got := make([]byte, n)
	if _, err := io.ReadFull(c.conn, got); err != nil {
		t.Fatal(err)
	}
	return 0, got
}

// must is do for what has to work.
func (c *client) must(t *testing.T, command, flags uint16, off int64, n int, data []byte) []byte {
	t.Helper()
	code, got := c.do(t, command, flags, off, n, data)
	if code != 0 {
		t.Fatalf("%s: error %d", fmt.Sprintf("command %d at %d", command, off), code)
	}
	return got
}
