package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Limits of the server.
const (
	// maxConnections at a time: maild and netd hold one or two each.
	maxConnections = 16
	// idleTimeout ends a connection that says nothing.
	idleTimeout = 10 * time.Minute
	// replyTimeout bounds a peer that does not read.
	replyTimeout = 5 * time.Second
)

// Rule is one verb's: who may say it, and what it does.
type Rule struct {
	// Users are the user ids that may say it; root (0) always may.
	Users []uint32
	// Handle gets the arguments as they came, and returns what goes into the
	// reply (nil: nothing). Its *Error is told to the peer; of any other error
	// the peer learns only that it happened.
	Handle func(ctx context.Context, args json.RawMessage) (any, error)
}

// Server answers on a unix socket.
type Server struct {
	rules map[Verb]Rule
	log   *slog.Logger
	ln    *net.UnixListener
}

// Listen makes the socket at path. Everybody may connect; the kernel tells who
// it is.
func Listen(path string, rules map[Verb]Rule, log *slog.Logger) (*Server, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("control: %w", err)
	}
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("control: %w", err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("control: %w", err)
	}
	return &Server{rules: rules, log: log, ln: ln}, nil
}

// Serve answers until ctx ends.
func (s *Server) Serve(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() { _ = s.ln.Close() })
	defer stop()
	slots := make(chan struct{}, maxConnections)
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		conn, err := s.ln.AcceptUnix()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("control: accept: %w", err)
		}
		select {
		case slots <- struct{}{}:
		default:
			_ = conn.Close() // too many: somebody leaks connections
			continue
		}
		wg.Go(func() {
			defer func() { <-slots }()
			s.serveConn(ctx, conn)
		})
	}
}

func (s *Server) serveConn(ctx context.Context, conn *net.UnixConn) {
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetReadDeadline(time.Now()) })
	defer stop()
	uid, err := peerUser(conn)
	if err != nil || !s.known(uid) {
		s.log.Warn("control: stranger refused", "uid", uid, "err", err)
		return
	}
	lines := bufio.NewScanner(conn)
	lines.Buffer(make([]byte, 0, 4096), MaxFrame)
	for ctx.Err() == nil {
		_ = conn.SetReadDeadline(time.Now().Add(idleTimeout)) // fails only on a closed connection, which Scan reports
		if !lines.Scan() {
			return
		}
		reply := s.answer(ctx, uid, lines.Bytes())
		_ = conn.SetWriteDeadline(time.Now().Add(replyTimeout)) // as above
		if _, err := conn.Write(reply); err != nil {
			return
		}
	}
}

// known says whether uid may say anything at all.
func (s *Server) known(uid uint32) bool {
	for _, r := range s.rules {
		if uid == 0 || slices.Contains(r.Users, uid) {
			return true
		}
	}
	return false
}

// answer handles one frame and returns the reply's line.
func (s *Server) answer(ctx context.Context, uid uint32, line []byte) []byte {
	data, err := s.dispatch(ctx, uid, line)
	reply := Reply{Version: Version}
	if err == nil && data != nil {
		reply.Data, err = json.Marshal(data)
	}
	if err != nil {
		// The one place where errors become replies.
		reply.Data = nil
		if !errors.As(err, &reply.Error) {
			s.log.Error("control: request failed", "uid", uid, "err", err)
			reply.Error = &Error{Code: CodeInternal, Text: "the box could not do that; its log says why"}
		}
	}
	out, err := json.Marshal(reply)
	if err != nil || len(out) >= MaxFrame {
		s.log.Error("control: reply cannot be sent", "size", len(out), "err", err)
		out = fmt.Appendf(nil, `{"v":%d,"error":{"code":%q,"text":"the reply is too long"}}`, Version, CodeInternal)
	}
	return append(out, '\n')
}

func (s *Server) dispatch(ctx context.Context, uid uint32, line []byte) (any, error) {
	r, err := ParseRequest(line)
	if err != nil {
		return nil, err
	}
	rule, ok := s.rules[r.Verb]
	if !ok {
		return nil, Invalid("verb: %q is not known", r.Verb)
	}
	if uid != 0 && !slices.Contains(rule.Users, uid) {
		s.log.Warn("control: verb denied", "verb", r.Verb, "uid", uid)
		return nil, &Error{Code: CodeDenied, Text: fmt.Sprintf("this program may not ask for %q", r.Verb)}
	}
	return rule.Handle(ctx, r.Args)
}

// peerUser asks the kernel who connected.
func peerUser(conn *net.UnixConn) (uint32, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0, err
	}
	var cred *unix.Ucred
	var optErr error
	err = raw.Control(func(fd uintptr) {
		cred, optErr = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, optErr); err != nil {
		return 0, err
	}
	return cred.Uid, nil
}
