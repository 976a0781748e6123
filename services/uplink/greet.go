package uplink

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxGreeting bounds what is read from a server: greetings and lists of extensions take
// some hundred bytes.
const maxGreeting = 8 << 10

// greeting is what came of asking a domain's servers.
type greeting struct {
	tried    bool // there was an address to ask
	answered bool // a mail server spoke
	seen     netip.Addr
}

// greet says hello to the first of a server's addresses that answers, IPv4 before IPv6:
// it is the former by which an office without a way in is known.
func (f *Finder) greet(ctx context.Context, addrs []netip.Addr, name string) (g greeting) {
	const most = 2
	list := slices.Clone(addrs)
	slices.SortStableFunc(list, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	ctx, cancel := context.WithTimeout(ctx, serverTime)
	defer cancel()
	port := f.Port
	if port == 0 {
		port = 25
	}
	var dialer net.Dialer
	for _, a := range list[:min(len(list), most)] {
		g.tried = true
		conn, err := dialer.DialContext(ctx, "tcp", netip.AddrPortFrom(a, port).String())
		if err != nil {
			continue
		}
		g.seen, g.answered = hello(ctx, conn, name)
		if g.answered {
			return g
		}
	}
	return g
}

// hello takes the greeting, says EHLO and QUIT, and closes the connection. answered is
// true when a mail server greeted, even one that wants no mail of us.
func hello(ctx context.Context, conn net.Conn, name string) (seen netip.Addr, answered bool) {
	defer conn.Close()
	until, ok := ctx.Deadline()
	if !ok {
		until = time.Now().Add(serverTime)
	}
	_ = conn.SetDeadline(until) // fails on a closed connection, which is seen below
	r := bufio.NewReader(io.LimitReader(conn, maxGreeting))
	code, _, err := reply(r)
	if err != nil || code != 220 && code != 554 {
		return seen, false
	}
	if code == 554 {
		return seen, true
	}
	if _, err := io.WriteString(conn, "EHLO "+name+"\r\n"); err != nil {
		return seen, true
	}
	code, first, err := reply(r)
	if err == nil && code == 250 {
		seen = addressIn(first)
	}
	_, _ = io.WriteString(conn, "QUIT\r\n") // a courtesy
	return seen, true
}

// reply reads one reply, and gives its code and the text of its first line (RFC 5321 §4.2).
func reply(r *bufio.Reader) (code int, first string, err error) {
	for n := 0; ; n++ {
		line, err := r.ReadString('\n')
		if err != nil {
			return 0, "", err
		}
		line = strings.TrimRight(line, "\r\n")
		if len(line) < 3 {
			return 0, "", io.ErrUnexpectedEOF
		}
		if n == 0 {
			if code, err = strconv.Atoi(line[:3]); err != nil {
				return 0, "", err
			}
			first = line[3:]
		}
		if len(line) == 3 || line[3] != '-' {
			return code, first, nil
		}
	}
}

// addressIn finds the public address that a server says it was asked from: in brackets,
// with or without the tag of RFC 5321 §4.1.3.
func addressIn(text string) netip.Addr {
	for {
		_, rest, found := strings.Cut(text, "[")
		if !found {
			return netip.Addr{}
		}
		inside, after, found := strings.Cut(rest, "]")
		if !found {
			return netip.Addr{}
		}
		if len(inside) > 5 && strings.EqualFold(inside[:5], "IPv6:") {
			inside = inside[5:]
		}
		if a, err := netip.ParseAddr(inside); err == nil && isPublic(a.Unmap()) {
			return a.Unmap()
		}
		text = after
	}
}

// literal is what a host without a name says it is (RFC 5321 §4.1.1.1).
func literal(own []netip.Addr) string {
	for _, a := range own {
		if a.Is4() {
			return "[" + a.String() + "]"
		}
	}
	return "[127.0.0.1]"
}

// isShared recognises what a provider shares among its customers (RFC 6598).
func isShared(a netip.Addr) bool {
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{100, 64}), 10).Contains(a)
}

// isPublic says that an address can be reached from the whole Internet, as far as it tells.
func isPublic(a netip.Addr) bool {
	return a.IsGlobalUnicast() && a.Zone() == "" && !a.IsPrivate() && !isShared(a)
}

func isPublic4(a netip.Addr) bool { return a.Is4() && isPublic(a) }
