package clock

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"time"

	"github.com/beevik/ntp"
)

const (
	// queryTimeout for one server: anything slower would be too inexact anyway.
	queryTimeout = 3 * time.Second
	// agreement is how far apart two servers may be and still mean the same time;
	// mail needs no better.
	agreement = time.Second
	// maxDelay refuses answers whose round trip makes them worthless.
	maxDelay = 2 * time.Second
)

// Sample is one server's answer.
type Sample struct {
	Server  string
	Offset  time.Duration // what to add to our clock
	Delay   time.Duration // round trip
	Stratum uint8
}

// Query asks one server, a host or host:port. It does not wait longer than three
// seconds beyond resolving the name.
func Query(ctx context.Context, server string) (Sample, error) {
	if err := ctx.Err(); err != nil {
		return Sample{}, err
	}
	address := server
	if _, _, err := net.SplitHostPort(server); err != nil {
		address = net.JoinHostPort(server, "123")
	}
	stop := func() bool { return true }
	defer func() { stop() }()
	r, err := ntp.QueryWithOptions(address, ntp.QueryOptions{
		Timeout: queryTimeout,
		Dialer: func(local, remote string) (net.Conn, error) {
			dialing, cancel := context.WithTimeout(ctx, queryTimeout)
			defer cancel()
			var d net.Dialer
			c, err := d.DialContext(dialing, "udp", remote)
			if err == nil {
				// The library knows no contexts: closing ends its read.
				stop = context.AfterFunc(ctx, func() { c.Close() })
			}
			return c, err
		},
	})
	if err != nil {
		return Sample{}, fmt.Errorf("ask time server %s: %w", server, err)
	}
	// Validate refuses unsynchronised servers, kisses of death, absurd distances.
	if err := r.Validate(); err != nil {
		return Sample{}, fmt.Errorf("time server %s: %w", server, err)
	}
	if r.RTT > maxDelay {
		return Sample{}, fmt.Errorf("time server %s: round trip of %v", server, r.RTT)
	}
	return Sample{Server: server, Offset: r.ClockOffset, Delay: r.RTT, Stratum: r.Stratum}, nil
}

var (
	// ErrNoAnswer: no server answered at all.
	ErrNoAnswer = errors.New("no time server answers")
	// ErrDisagree: servers answered, but no majority of them means the same time.
	ErrDisagree = errors.New("the time servers contradict each other")
)

// choose finds the largest group of samples that agree, and its best member (the
// shortest round trip bounds the error). More than half must be in the group:
// one server alone is believed, one of two that differ is not.
func choose(samples []Sample) (best Sample, agreed int, err error) {
	if len(samples) == 0 {
		return Sample{}, 0, ErrNoAnswer
	}
	slices.SortFunc(samples, func(a, b Sample) int { return int(min(max(a.Offset-b.Offset, -1), 1)) })
	var group []Sample
	for i := range samples {
		j := i
		for j < len(samples) && samples[j].Offset-samples[i].Offset <= agreement {
			j++
		}
		if j-i > len(group) {
			group = samples[i:j]
		}
	}
	if 2*len(group) <= len(samples) {
		return Sample{}, 0, ErrDisagree
	}
	best = slices.MinFunc(group, func(a, b Sample) int { return int(min(max(a.Delay-b.Delay, -1), 1)) })
	return best, len(group), nil
}
