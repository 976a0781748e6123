package pop3d

import (
	"io"
	"net"
	"testing"
	"time"
)

// TestInFlight: what the other side's machine has no room for is in flight, until it
// is read.
func TestInFlight(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	server, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	l := &link{Conn: server}
	if l.inFlight() {
		t.Error("something is in flight before anything was sent")
	}
	if err := server.(*net.TCPConn).SetWriteBuffer(32 << 10); err != nil {
		t.Fatal(err)
	}
	// Until its machine has no more room for what it doesn't read: a slow one takes what there is room for late.
	sent := 0
	for !l.inFlight() {
		if err := server.SetWriteDeadline(time.Now().Add(time.Second / 4)); err != nil {
			t.Fatal(err)
		}
		n, err := server.Write(make([]byte, 64<<20))
		if err == nil {
			t.Fatal("64 MB were taken by a client that reads nothing")
		}
		sent += n
	}
	if _, err := io.CopyN(io.Discard, client, int64(sent)); err != nil {
		t.Fatal(err)
	}
	// With what it says next it has acknowledged all.
	if _, err := client.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(server, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	if l.inFlight() {
		t.Error("what the client has read is in flight")
	}
	pipe, other := net.Pipe()
	defer other.Close()
	defer pipe.Close()
	if (&link{Conn: pipe}).inFlight() {
		t.Error("of a pipe nothing is known")
	}
}
