// Liar stands in for the mail service in a test of updates: it says that it is ready, keeps the watchdog content, and greets
// on every port as an SMTP server does, also where another protocol is spoken.
package main

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

func main() {
	n, err := strconv.Atoi(os.Getenv("LISTEN_FDS"))
	if err != nil {
		fmt.Fprintln(os.Stderr, "liar: no sockets:", err)
		os.Exit(1)
	}
	const first = 3 // sd_listen_fds(3)
	for fd := first; fd < first+n; fd++ {
		l, err := net.FileListener(os.NewFile(uintptr(fd), "socket"))
		if err != nil {
			fmt.Fprintln(os.Stderr, "liar:", err)
			os.Exit(1)
		}
		go greet(l)
	}
	for {
		notify("READY=1\nWATCHDOG=1")
		time.Sleep(time.Second)
	}
}

func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		fmt.Fprint(c, "220 liar ESMTP\r\n")
		_ = c.Close()
	}
}

// notify is sd_notify(3).
func notify(state string) {
	c, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return
	}
	fmt.Fprint(c, state)
	_ = c.Close()
}
