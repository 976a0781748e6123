package relay

import (
	"crypto/x509"
	"errors"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// PolicyKind is what promised TLS (RFC 8460 §4.2).
type PolicyKind string

// The kinds of a policy.
const (
	PolicyNone PolicyKind = "no-policy-found"
	PolicySTS  PolicyKind = "sts"
	PolicyTLSA PolicyKind = "tlsa"
)

// Result is how TLS went (RFC 8460 §4.3); "" is success.
type Result string

// The results.
const (
	ResultSuccess      Result = ""
	ResultNoSTARTTLS   Result = "starttls-not-supported"
	ResultHostMismatch Result = "certificate-host-mismatch"
	ResultExpired      Result = "certificate-expired"
	ResultNotTrusted   Result = "certificate-not-trusted"
	ResultValidation   Result = "validation-failure"
	ResultTLSA         Result = "tlsa-invalid"
	ResultDNSSEC       Result = "dnssec-invalid"
	ResultSTSFetch     Result = "sts-policy-fetch-error"
	ResultSTSInvalid   Result = "sts-policy-invalid"
	ResultSTSWebPKI    Result = "sts-webpki-invalid"
)

// Evidence is one session's outcome as far as TLS goes: what a report under RFC
// 8460 counts.
type Evidence struct {
	At     time.Time
	Domain mail.Hop // whose policy it was
	Kind   PolicyKind
	Policy []string   // its lines, or its TLSA records
	MX     []string   // the host patterns of an MTA-STS policy
	Result Result     // "" is success
	Server string     // the MX host; "" where none was reached
	Addr   netip.Addr // its address; invalid where none was reached
	Reason string     // more about a failure, for people
}

// Sink takes evidence in. Note must not wait: it is called while a server does.
type Sink interface {
	Note(Evidence)
}

// witness makes the tell of a security.
func (c *Client) witness(hop mail.Hop, kind PolicyKind, policy, mx []string) func(string, netip.Addr, Result, error) {
	return func(server string, addr netip.Addr, result Result, cause error) {
		if c.options.Evidence == nil {
			return
		}
		if kind == PolicyNone && result != ResultNoSTARTTLS && result != ResultValidation {
			result, cause = ResultSuccess, nil // nobody promised a certificate
		}
		e := Evidence{At: time.Now(), Domain: hop, Kind: kind, Policy: policy, MX: mx, Result: result, Server: server, Addr: addr}
		if cause != nil {
			e.Reason = clean(cause.Error())
		}
		c.options.Evidence.Note(e)
	}
}

// resultOf is what a check's error means.
func resultOf(err error) Result {
	if err == nil {
		return ResultSuccess
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return ResultHostMismatch
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return ResultNotTrusted
	}
	if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok {
		if invalid.Reason == x509.Expired {
			return ResultExpired
		}
		return ResultNotTrusted
	}
	return ResultValidation
}
