package resolver

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/miekg/dns"
)

// maxServers is how many servers of resolv.conf are asked, as by the C library.
const maxServers = 3

// maxConf is how much of a resolv.conf is read.
const maxConf = 64 << 10

// system is the servers of a resolv.conf, read again when the file changes.
type system struct {
	path string

	mu       sync.Mutex
	modified time.Time
	size     int64
	servers  []netip.AddrPort
}

// current gives the servers as they stand in the file now.
func (s *system) current() ([]netip.AddrPort, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, fmt.Errorf("which DNS servers are there: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if info.ModTime().Equal(s.modified) && info.Size() == s.size && s.servers != nil {
		return s.servers, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, fmt.Errorf("which DNS servers are there: %w", err)
	}
	defer func() { _ = f.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(f, maxConf))
	if err != nil {
		return nil, fmt.Errorf("which DNS servers are there: %w", err)
	}
	servers, err := parseConf(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", s.path, err)
	}
	s.modified, s.size, s.servers = info.ModTime(), info.Size(), servers
	return servers, nil
}

func parseConf(text []byte) ([]netip.AddrPort, error) {
	conf, err := dns.ClientConfigFromReader(bytes.NewReader(text))
	if err != nil {
		return nil, err
	}
	var servers []netip.AddrPort
	for _, s := range conf.Servers {
		if addr, err := netip.ParseAddr(s); err == nil && len(servers) < maxServers {
			servers = append(servers, netip.AddrPortFrom(addr, 53))
		}
	}
	if len(servers) == 0 {
		return nil, fmt.Errorf("%w: none is set", ErrServer)
	}
	return servers, nil
}
