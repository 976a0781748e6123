package relay

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/resolver"
)

// What bounds MTA-STS (RFC 8461).
const (
	maxPolicy        = 64 << 10        // octets of a policy; §3.3 leaves the number to us
	maxPolicyMX      = 100             // its patterns
	maxPolicyAge     = 31557600        // seconds, §3.2
	maxPolicies      = 2000            // domains that are remembered
	policyTimeout    = time.Minute     // §3.3
	policyRetry      = 5 * time.Minute // §3.3: between fetches that fail
	policyRefresh    = 24 * time.Hour  // §10.2 asks for it long before max_age: who blocks a fetch later is too late
	policyPort       = 443
	maxPolicyHeaders = 16 << 10
)

// stsMode is what a domain wants done with a server that does not pass.
type stsMode string

const (
	stsEnforce stsMode = "enforce"
	stsTesting stsMode = "testing"
	stsNone    stsMode = "none"
)

// stsPolicy is a domain's promise about its servers (RFC 8461 §3.2).
type stsPolicy struct {
	mode  stsMode
	age   time.Duration
	mx    []string // patterns, in lower case
	lines []string // as they came, for reports
}

var (
	errPolicy      = errors.New("the policy can't be read")
	errPolicyFetch = errors.New("the policy can't be fetched")
)

// parsePolicy reads a policy. Unknown keys mean nothing, and of one that may come
// once the first counts (RFC 8461 §3.2).
func parsePolicy(text string) (*stsPolicy, error) {
	p := &stsPolicy{}
	seen := make(map[string]string)
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.Trim(line, " \t\r")
		key, value, found := strings.Cut(line, ":")
		if !found {
			if line != "" {
				return nil, fmt.Errorf("%w: a line without a colon", errPolicy)
			}
			continue
		}
		key, value = strings.Trim(key, " \t"), strings.Trim(value, " \t")
		p.lines = append(p.lines, clean(line))
		if key == "mx" {
			if len(p.mx) == maxPolicyMX {
				return nil, fmt.Errorf("%w: more than %d servers", errPolicy, maxPolicyMX)
			}
			name, err := resolver.Canonical(strings.TrimPrefix(value, "*."))
			if err != nil {
				return nil, fmt.Errorf("%w: %q names no server", errPolicy, clean(value))
			}
			if strings.HasPrefix(value, "*.") {
				name = "*." + name
			}
			p.mx = append(p.mx, name)
		} else if _, again := seen[key]; !again {
			seen[key] = value
		}
	}
	seconds, err := strconv.ParseUint(seen["max_age"], 10, 32)
	p.mode = stsMode(seen["mode"])
	switch {
	case seen["version"] != "STSv1":
		return nil, fmt.Errorf("%w: not of version STSv1", errPolicy)
	case err != nil || seconds > maxPolicyAge:
		return nil, fmt.Errorf("%w: it says no max_age that can be", errPolicy)
	case p.mode != stsEnforce && p.mode != stsTesting && p.mode != stsNone:
		return nil, fmt.Errorf("%w: no such mode", errPolicy)
	case p.mode != stsNone && len(p.mx) == 0:
		return nil, fmt.Errorf("%w: it names no servers", errPolicy)
	}
	p.age = time.Duration(seconds) * time.Second
	return p, nil
}

// names reports whether the policy names a server. A star stands for one label (RFC
// 8461 §4.1).
func (p *stsPolicy) names(host string) bool {
	_, above, _ := strings.Cut(host, ".")
	for _, pattern := range p.mx {
		if pattern == host || above != "" && pattern == "*."+above {
			return true
		}
	}
	return false
}

// policyID reads the TXT records at _mta-sts: the id of a policy that is there (RFC
// 8461 §3.1). None, or several, say that there is none.
func policyID(records []string) (string, bool) {
	id, found := "", 0
	for _, record := range records {
		if !strings.HasPrefix(record, "v=STSv1;") {
			continue
		}
		found++
		id = ""
		for field := range strings.SplitSeq(record, ";") {
			if value, ok := strings.CutPrefix(strings.Trim(field, " \t"), "id="); ok && id == "" {
				id = value
			}
		}
	}
	valid := id != "" && len(id) <= 32 && !strings.ContainsFunc(id, func(r rune) bool {
		return (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z')
	})
	return id, found == 1 && valid
}

// stsCache remembers policies.
type stsCache struct {
	mu      sync.Mutex
	domains map[mail.Hop]*stsEntry
	kept    map[mail.Hop]keptEntry // what stands in the PolicyFile, or soon will
	saving  *time.Timer            // nil: nothing is new

	writing sync.Mutex // one writer at a time; taken before mu
}

// stsEntry is what is known of a domain.
type stsEntry struct {
	mu      sync.Mutex // one fetch at a time
	policy  *stsPolicy // nil: none yet
	id      string
	fetched time.Time
	failed  time.Time // the last fetch that failed
	tried   string    // its id
}

func (s *stsCache) entry(hop mail.Hop) *stsEntry {
	s.mu.Lock()
	defer s.mu.Unlock()
	e := s.domains[hop]
	if e != nil {
		return e
	}
	if s.domains == nil {
		s.domains = make(map[mail.Hop]*stsEntry)
	}
	if len(s.domains) >= maxPolicies {
		for victim := range s.domains { // any: it is fetched again when there is mail for it
			delete(s.domains, victim)
			break
		}
	}
	e = &stsEntry{}
	s.domains[hop] = e
	return e
}

// policy is what a domain promises now; nil is nothing. A policy that is known
// holds for its max_age whatever DNS or a failing fetch say meanwhile, since both
// could be an attacker's doing (RFC 8461 §5.1).
func (c *Client) policy(ctx context.Context, hop mail.Hop) *stsPolicy {
	answer, err := c.options.DNS.TXT(ctx, "_mta-sts."+string(hop))
	id, found := policyID(answer.Records)
	if err != nil || !found {
		c.sts.mu.Lock()
		e := c.sts.domains[hop]
		c.sts.mu.Unlock()
		if e == nil {
			return nil
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		return e.current()
	}
	e := c.sts.entry(hop)
	e.mu.Lock()
	defer e.mu.Unlock()
	known := e.current()
	if known != nil && e.id == id && time.Since(e.fetched) < min(policyRefresh, known.age) {
		return known
	}
	if e.tried == id && !e.failed.IsZero() && time.Since(e.failed) < policyRetry {
		return known
	}
	p, err := c.fetchPolicy(ctx, hop)
	if err != nil {
		e.failed, e.tried = time.Now(), id
		c.witness(hop, PolicySTS, nil, nil)("", netip.Addr{}, fetchResult(err), err)
		c.options.Log.Info("an MTA-STS policy could not be fetched", "verb", "relay", "hop", hop, "known", known != nil, "err", err)
		return known
	}
	e.policy, e.id, e.fetched, e.failed = p, id, time.Now(), time.Time{}
	c.keep(hop, p, id, e.fetched)
	return p
}

// current is the policy while it holds. The lock is held.
func (e *stsEntry) current() *stsPolicy {
	if e.policy == nil || time.Since(e.fetched) >= e.policy.age {
		return nil
	}
	return e.policy
}

func fetchResult(err error) Result {
	if errors.Is(err, errPolicy) {
		return ResultSTSInvalid
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return ResultSTSWebPKI
	}
	return ResultSTSFetch
}

// policyTLS is for getting a policy from a host. Only while the box is not sure of the
// date the certificate is verified by our own hand, see dated.
func (c *Client) policyTLS(host string) *tls.Config {
	config := &tls.Config{RootCAs: c.options.Roots, MinVersion: tls.VersionTLS12}
	if c.options.Sure != nil && !c.options.Sure() {
		config.InsecureSkipVerify = true //nolint:gosec // VerifyConnection does it
		config.VerifyConnection = c.webPKI(c.options.Roots, host)
	}
	return config
}

// fetchPolicy gets a domain's policy: over HTTPS whose certificate holds, with 200
// and nothing else, as text and no more of it than fits (RFC 8461 §3.3).
func (c *Client) fetchPolicy(ctx context.Context, hop mail.Hop) (*stsPolicy, error) {
	ctx, cancel := context.WithTimeout(ctx, policyTimeout)
	defer cancel()
	transport := &http.Transport{
		DialContext:            c.dialPolicy,
		TLSClientConfig:        c.policyTLS("mta-sts." + string(hop)),
		DisableKeepAlives:      true, // one request a day
		DisableCompression:     true, // what it grows to could not be told before
		MaxResponseHeaderBytes: maxPolicyHeaders,
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://mta-sts."+string(hop)+"/.well-known/mta-sts.txt", nil)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPolicyFetch, err)
	}
	// RoundTrip follows no redirects, which RFC 8461 §3.3 forbids.
	response, err := transport.RoundTrip(request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPolicyFetch, err)
	}
	defer func() { _ = response.Body.Close() }() // it was only read
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if response.StatusCode != http.StatusOK || err != nil || kind != "text/plain" {
		return nil, fmt.Errorf("%w: the server answers %s and %q", errPolicyFetch, response.Status, kind)
	}
	text, err := io.ReadAll(io.LimitReader(response.Body, maxPolicy+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errPolicyFetch, err)
	}
	if len(text) > maxPolicy {
		return nil, fmt.Errorf("%w: it has more than %d bytes", errPolicy, maxPolicy)
	}
	return parsePolicy(string(text))
}

// dialPolicy connects to a policy's host by our own DNS.
func (c *Client) dialPolicy(ctx context.Context, _, address string) (net.Conn, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	answer, err := c.options.DNS.Addresses(ctx, host)
	if err != nil {
		return nil, err
	}
	err = fmt.Errorf("%s has no address that can be called", host)
	for i, addr := range alternate(answer.Records) {
		if i == maxAddresses || addr.IsUnspecified() || addr.IsMulticast() || addr.IsLoopback() && c.options.PolicyPort == policyPort {
			continue
		}
		calling, cancel := context.WithTimeout(ctx, policyTimeout/maxAddresses)
		var conn net.Conn
		conn, err = c.options.Dial(calling, netip.AddrPortFrom(addr, c.options.PolicyPort))
		cancel()
		if err == nil {
			return conn, nil
		}
	}
	return nil, err
}

// promised is MTA-STS for one server. In testing mode what is wrong is told, and
// mail goes all the same (RFC 8461 §5).
func (c *Client) promised(hop mail.Hop, t *target, p *stsPolicy) (*security, *problem) {
	s := &security{
		must: p.mode == stsEnforce, name: t.name, check: c.webPKI(c.options.Roots, t.name), words: "MTA-STS", binding: true,
		tell: c.witness(hop, PolicySTS, p.lines, p.mx),
	}
	if p.names(t.name) {
		return s, nil
	}
	err := fmt.Errorf("the policy of %s does not name the server %s", hop, t.name)
	if s.must {
		s.tell(t.name, netip.Addr{}, ResultValidation, err)
		return nil, said(status4_7_5TLSUnverified, err, "the domain's own rules (MTA-STS) do not name the mail server %s, which DNS gives for it", t.name)
	}
	s.check = func(tls.ConnectionState) error { return err }
	return s, nil
}
