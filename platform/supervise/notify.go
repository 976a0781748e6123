package supervise

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"
)

// Limits of one notification. A service is not trusted: it may be under
// somebody else's control.
const (
	maxNotify     = 4096          // bytes of a datagram; sd_notify's own use is below 300
	maxStatusText = 200           // bytes of STATUS= kept, one console line
	maxExtend     = 6 * time.Hour // rebuilding the largest index takes minutes; more is a mistake
)

// Notice is what a service said about itself, sd_notify(3).
type Notice struct {
	Ready     bool
	Stopping  bool
	Watchdog  bool          // the keep-alive
	Trigger   bool          // WATCHDOG=trigger: the service itself says it is broken
	Extend    time.Duration // EXTEND_TIMEOUT_USEC=
	Status    string        // cleaned and bounded
	HasStatus bool
}

// ParseNotice reads the lines of a datagram. Unknown assignments are ignored,
// as sd_notify(3) asks; so is anything malformed, since there is nobody to
// tell.
func ParseNotice(data []byte) Notice {
	var n Notice
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimRight(line, "\n"), "=")
		switch key {
		case "READY":
			n.Ready = n.Ready || value == "1"
		case "STOPPING":
			n.Stopping = n.Stopping || value == "1"
		case "WATCHDOG":
			n.Watchdog = n.Watchdog || value == "1"
			n.Trigger = n.Trigger || value == "trigger"
		case "STATUS":
			n.Status, n.HasStatus = cleanText(value, maxStatusText), true
		case "EXTEND_TIMEOUT_USEC":
			us, err := strconv.ParseUint(value, 10, 62)
			if err == nil {
				n.Extend = min(time.Duration(min(us, uint64(maxExtend/time.Microsecond)))*time.Microsecond, maxExtend)
			}
		}
	}
	return n
}

// cleanText makes s fit to be printed on a console: valid UTF-8, nothing that
// could move a terminal's cursor, at most limit bytes.
func cleanText(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return '?'
		}
		return r
	}, s)
	for len(s) > limit {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}

// notifySocket receives one unit's notices. Each unit has a socket of its own
// that only its user may write to, so a service can neither speak for another
// nor fill the queue another one needs.
type notifySocket struct {
	conn *net.UnixConn
	path string
}

// listenNotify makes the socket at path, owned by uid (-1: unchanged).
func listenNotify(path string, uid int) (*notifySocket, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("notify: %w", err)
	}
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("notify: %w", err)
	}
	n := &notifySocket{conn: conn, path: path}
	if err := n.prepare(uid); err != nil {
		n.close()
		return nil, fmt.Errorf("notify: prepare %s: %w", path, err)
	}
	return n, nil
}

func (n *notifySocket) prepare(uid int) error {
	raw, err := n.conn.SyscallConn()
	if err != nil {
		return err
	}
	var optErr error
	err = raw.Control(func(fd uintptr) {
		optErr = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_PASSCRED, 1)
	})
	if err := errors.Join(err, optErr); err != nil {
		return err
	}
	if uid >= 0 {
		if err := os.Chown(n.path, uid, -1); err != nil {
			return err
		}
	}
	return os.Chmod(n.path, 0o600)
}

// read waits for the next notice and says which process sent it, as the
// kernel knows it (SCM_CREDENTIALS), not as the sender claims.
func (n *notifySocket) read() (pid int, notice Notice, err error) {
	buf := make([]byte, maxNotify)
	oob := make([]byte, unix.CmsgSpace(unix.SizeofUcred)+unix.CmsgSpace(64))
	for {
		size, oobSize, flags, _, err := n.conn.ReadMsgUnix(buf, oob)
		if err != nil {
			return 0, Notice{}, err
		}
		pid := senderPid(oob[:oobSize])
		if pid <= 0 || flags&unix.MSG_TRUNC != 0 {
			continue
		}
		return pid, ParseNotice(buf[:size]), nil
	}
}

// senderPid finds the credentials; descriptors that were sent along (FDSTORE=
// is not offered) are closed.
func senderPid(oob []byte) int {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return 0
	}
	pid := 0
	for _, m := range messages {
		if cred, err := unix.ParseUnixCredentials(&m); err == nil {
			pid = int(cred.Pid)
		}
		if fds, err := unix.ParseUnixRights(&m); err == nil {
			for _, fd := range fds {
				_ = unix.Close(fd)
			}
		}
	}
	return pid
}

// close ends read. The name stays, so that a late close cannot remove the
// socket of the next start.
func (n *notifySocket) close() { _ = n.conn.Close() }
