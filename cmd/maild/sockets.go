package main

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/coreos/go-systemd/v22/activation"
)

// devPorts are the development ports by the names of the socket units.
func devPorts() map[string]int {
	return map[string]int{
		"smtp": 2525, "submission": 2587, "submissions": 2465, "imap": 2143, "imaps": 2993,
		"pop3": 2110, "pop3s": 2995, "http": 2080, "https": 2443,
	}
}

// listen takes the sockets that were handed in, by PID 1 or a test; with --dev
// and without any it opens the development ones.
func listen(dev bool) (map[string]net.Listener, error) {
	listeners := make(map[string]net.Listener)
	named, err := activation.ListenersWithNames()
	if err != nil {
		return nil, fmt.Errorf("take sockets: %w", err)
	}
	for name, list := range named {
		if len(list) != 1 || list[0] == nil {
			return nil, fmt.Errorf("take sockets: want one stream socket named %q, got %d", name, len(list))
		}
		listeners[name] = list[0]
	}
	switch {
	case len(listeners) > 0:
		return listeners, nil
	case !dev:
		return nil, errors.New("no sockets were handed in: start it as a service, or with --dev")
	}
	for name, port := range devPorts() {
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
		if errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("port %d (%s) is taken by another program: end it, or the box that runs already", port, name)
		}
		if err != nil {
			return nil, fmt.Errorf("listen for %s: %w", name, err)
		}
		listeners[name] = l
	}
	return listeners, nil
}
