package clienttest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
)

// names is a proxy (RFC 1928) through which a desktop program finds the box by its names and at the ports of its
// protocols, as in an office, whatever ports of this machine it answers at. It knows the box and nothing else: what
// such a program calls home for is refused.
type names struct {
	net.Listener
	places map[string]string // by name and port, the address behind

	mu      sync.Mutex
	refused map[string]bool
	open    map[net.Conn]bool
}

// The ports that a box answers at, by what they are called here.
var officePorts = map[string]string{
	"http": "80", "https": "443", "imap": "143", "imaps": "993", "pop3": "110", "pop3s": "995",
	"submission": "587", "submissions": "465",
}

// names starts the proxy, which ends with the test.
func (o *office) names(t *testing.T) *names {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &names{Listener: l, places: make(map[string]string), refused: make(map[string]bool), open: make(map[net.Conn]bool)}
	for service, port := range officePorts {
		n.places[net.JoinHostPort(hostname, port)] = o.addrs[service]
	}
	for _, name := range []string{"autoconfig", "autodiscover"} { // as the zone has them that the box proposes
		for _, service := range []string{"http", "https"} {
			n.places[net.JoinHostPort(name+"."+domain, officePorts[service])] = o.addrs[service]
		}
	}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { n.serve(conn) })
		}
	})
	t.Cleanup(func() {
		l.Close()
		n.cut()
		serving.Wait()
		if t.Failed() {
			t.Logf("refused by the proxy: %v", n.refused)
		}
	})
	return n
}

// cut ends every connection, as a network that fails does.
func (n *names) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.open {
		conn.Close()
	}
}

// note keeps a connection for cut; done forgets and closes it.
func (n *names) note(conn net.Conn) (done func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.open[conn] = true
	return func() {
		conn.Close()
		n.mu.Lock()
		defer n.mu.Unlock()
		delete(n.open, conn)
	}
}

// serve takes one request and copies both ways.
func (n *names) serve(conn net.Conn) {
	defer n.note(conn)()
	place, err := target(conn)
	if err != nil {
		return
	}
	answer := []byte{5, 0, 0, 1, 0, 0, 0, 0, 0, 0} // succeeded; the address is of no use to anybody
	addr, ok := n.places[place]
	if !ok {
		n.mu.Lock()
		n.refused[place] = true
		n.mu.Unlock()
		answer[1] = 4 // host unreachable
		_, _ = conn.Write(answer)
		return
	}
	far, err := net.DialTimeout("tcp", addr, answerTime)
	if err != nil {
		answer[1] = 5 // connection refused
		_, _ = conn.Write(answer)
		return
	}
	defer n.note(far)()
	if _, err := conn.Write(answer); err != nil {
		return
	}
	var copying sync.WaitGroup
	copying.Go(func() {
		_, _ = io.Copy(far, conn)
		_ = far.(*net.TCPConn).CloseWrite()
	})
	_, _ = io.Copy(conn, far)
	_ = conn.(*net.TCPConn).CloseWrite()
	copying.Wait()
}

// target reads what a client asks for: the methods (RFC 1928 §3), then a CONNECT (§4) to a name.
func target(conn net.Conn) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(conn, head[:]); err != nil {
		return "", err
	}
	methods := make([]byte, head[1])
	if _, err := io.ReadFull(conn, methods); err != nil {
		return "", err
	}
	if head[0] != 5 || !bytes.Contains(methods, []byte{0}) {
		return "", errors.New("not SOCKS 5 without a log-in")
	}
	if _, err := conn.Write([]byte{5, 0}); err != nil {
		return "", err
	}
	var request [5]byte // version, command, reserved, kind of address, length of the name
	if _, err := io.ReadFull(conn, request[:]); err != nil {
		return "", err
	}
	if request[1] != 1 || request[3] != 3 {
		return "", errors.New("not CONNECT to a name")
	}
	rest := make([]byte, int(request[4])+2)
	if _, err := io.ReadFull(conn, rest); err != nil {
		return "", err
	}
	name, port := rest[:request[4]], binary.BigEndian.Uint16(rest[request[4]:])
	return net.JoinHostPort(string(name), strconv.Itoa(int(port))), nil
}
