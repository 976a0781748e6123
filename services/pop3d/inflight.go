package pop3d

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// inFlight reports whether something that was sent has not been acknowledged by the
// client's machine. Who waits for an answer before he asks on has acknowledged it with
// what he says next. Of a connection that is none of TCP nothing is known: it is false.
func (l *link) inFlight() bool {
	conn, ok := l.Conn.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	waiting := 0
	if err := raw.Control(func(fd uintptr) { waiting, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return false
	}
	return err == nil && waiting > 0
}
