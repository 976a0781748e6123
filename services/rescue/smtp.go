package rescue

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// farewell is how long a server may take to read its line and hang up.
	farewell = 10 * time.Second
	// mostHeard bounds what it says meanwhile, which counts for nothing, in bytes: a
	// greeting and some pipelined commands.
	mostHeard = 4 << 10
)

// greet tells a mail server to come again later (RFC 5321 §3.1) and closes the
// connection. What it has sent already is read first: closing on unread bytes resets the
// connection, and the line could be lost.
func greet(conn net.Conn, host string) {
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(farewell)) // fails only on a closed connection
	_, err := fmt.Fprintf(conn, "421 4.3.2 %s can't take mail at the moment; please keep it and try again later\r\n", host)
	if err != nil {
		return
	}
	if half, ok := conn.(interface{ CloseWrite() error }); ok && half.CloseWrite() == nil {
		_, _ = io.Copy(io.Discard, io.LimitReader(conn, mostHeard))
	}
}

// serveSMTP greets whoever comes, until ctx ends.
func serveSMTP(ctx context.Context, l net.Listener, host string) error {
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("rescue: accept: %w", err)
		}
		go greet(conn, host)
	}
}
