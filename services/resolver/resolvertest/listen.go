package resolvertest

import (
	"net"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
)

// Listen serves the Internet over UDP and TCP on the given address, such as
// "127.0.0.1:0", until the test ends.
func (n *Internet) Listen(t testing.TB, address string) netip.AddrPort {
	t.Helper()
	stream, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	at := stream.Addr().(*net.TCPAddr).AddrPort()
	packets, err := net.ListenPacket("udp", at.String())
	if err != nil {
		t.Fatal(err)
	}
	handle := func(tcp bool) dns.HandlerFunc {
		return func(w dns.ResponseWriter, query *dns.Msg) {
			if answer, err := n.Exchange(t.Context(), at, tcp, query); err == nil {
				_ = w.WriteMsg(answer) // the client may have gone
			}
		}
	}
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handle(false)}, {Listener: stream, Handler: handle(true)}} {
		started := make(chan struct{})
		s.NotifyStartedFunc = func() { close(started) }
		done := make(chan struct{})
		go func() {
			defer close(done)
			_ = s.ActivateAndServe() // it ends with the test
		}()
		<-started
		t.Cleanup(func() {
			_ = s.Shutdown()
			<-done
		})
	}
	return at
}
