package mail

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"testing"
)

func TestInWords(t *testing.T) {
	t.Parallel()
	// socket is an error as package net gives them.
	socket := func(err error) error {
		return fmt.Errorf("ask: %w", &net.OpError{Op: "read", Net: "udp", Source: &net.UDPAddr{Port: 4242}, Addr: &net.UDPAddr{Port: 53}, Err: err})
	}
	for _, test := range []struct {
		err  error
		want string
	}{
		{socket(os.ErrDeadlineExceeded), "no answer came in time"},
		{context.DeadlineExceeded, "no answer came in time"},
		{socket(os.NewSyscallError("connect", syscall.ETIMEDOUT)), "no answer came in time"},
		{socket(os.NewSyscallError("read", syscall.ECONNREFUSED)), "it refuses the connection"},
		{socket(os.NewSyscallError("connect", syscall.EHOSTUNREACH)), "there is no way there"},
		{socket(os.NewSyscallError("connect", syscall.ENETUNREACH)), "there is no way there"},
		{socket(os.NewSyscallError("connect", syscall.ENETDOWN)), "this box is on no network"},
		{socket(os.NewSyscallError("read", syscall.ECONNRESET)), "it cut the connection"},
		{socket(os.NewSyscallError("write", syscall.EACCES)), "permission denied"},
		{socket(errors.New("odd")), "odd"},
		{errors.New("the certificate is old"), "the certificate is old"},
	} {
		if got := InWords(test.err); got != test.want {
			t.Errorf("%v is said as %q; want %q", test.err, got, test.want)
		}
	}
}
