package nbd

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"sync"
)

// Server serves one disk on a unix socket.
type Server struct {
	listener net.Listener
	path     string
	sessions sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool // guarded by mu
	closed bool              // guarded by mu
}

// Listen serves disk on a new unix socket at path, of at most 107 bytes.
func Listen(path string, disk *Disk) (*Server, error) {
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fmt.Errorf("nbd: %w", err)
	}
	s := &Server{listener: l, path: path, conns: make(map[net.Conn]bool)}
	s.sessions.Go(func() { s.accept(disk) })
	return s, nil
}

// URL is the disk's address as QEMU and others take it.
func (s *Server) URL() string {
	return "nbd+unix:///?" + url.Values{"socket": {s.path}}.Encode()
}

func (s *Server) accept(disk *Disk) {
	for {
		conn, err := s.listener.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.closed {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = true
		s.mu.Unlock()
		s.sessions.Go(func() {
			_ = newSession(disk, conn).run() // a client that is killed breaks off anywhere
			conn.Close()
			s.mu.Lock()
			delete(s.conns, conn)
			s.mu.Unlock()
		})
	}
}

// Close ends all connections and waits until what was under way is done.
func (s *Server) Close() error {
	s.mu.Lock()
	s.closed = true
	err := s.listener.Close()
	for conn := range s.conns {
		conn.Close()
	}
	s.mu.Unlock()
	s.sessions.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}
