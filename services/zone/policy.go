package zone

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// policyAge is how long others keep the policy: a week, as RFC 8461 §3.2 expects of
// weeks or more, and short enough to get out of a mistake.
const policyAge = "604800"

// PolicyPath is where a policy is fetched on its host (RFC 8461 §3.3).
const PolicyPath = "/.well-known/mta-sts.txt"

// PolicyHost is the host from which a domain's policy is fetched.
func PolicyHost(domain string) string { return "mta-sts." + domain }

// Policy is the MTA-STS policy of the office's domains, lines ending in CRLF (RFC 8461
// §3.2). It demands what it says only once the world believes the box's certificate.
func Policy(o Office) string {
	mode := "enforce"
	if o.Authority != nil {
		mode = "testing"
	}
	return strings.Join([]string{"version: STSv1", "mode: " + mode, "mx: " + o.Hostname, "max_age: " + policyAge, ""}, "\r\n")
}

// PolicyID changes with the policy, as whoever has kept one wants to know (RFC 8461
// §3.1: up to 32 letters and digits).
func PolicyID(o Office) string {
	sum := sha256.Sum256([]byte(Policy(o)))
	return hex.EncodeToString(sum[:10])
}
