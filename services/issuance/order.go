package issuance

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// errWaits says that somebody has to publish a record first.
var errWaits = errors.New("issuance: a record is to be published first")

// obtain gets a certificate and has it taken into use.
func (i *Issuance) obtain(ctx context.Context, s Settings) error {
	accountKey, err := i.key(i.now().AccountKey, func(k *kept, der []byte) { k.AccountKey = der })
	if err != nil {
		return err
	}
	key, err := i.key(i.now().Key, func(k *kept, der []byte) { k.Key = der })
	if err != nil {
		return err
	}
	client := &acme.Client{Key: accountKey, DirectoryURL: s.Directory, HTTPClient: i.o.Client, UserAgent: "sanduk"}
	account := &acme.Account{}
	if s.Contact != "" {
		account.Contact = []string{"mailto:" + s.Contact}
	}
	if _, err := client.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return fmt.Errorf("register with the authority: %w", err)
	}
	names := i.o.Names(ctx, s.Method)
	order, err := i.order(ctx, client, names)
	if err != nil {
		return err
	}
	if err := i.prove(ctx, client, order, s.Method); err != nil {
		return err
	}
	return i.finish(ctx, client, order, key)
}

// order goes on with the one that waits, if it is still good and for the same names, or
// makes one.
func (i *Issuance) order(ctx context.Context, client *acme.Client, names []string) (*acme.Order, error) {
	if at := i.now().Order; at != "" {
		order, err := client.GetOrder(ctx, at)
		if err == nil && (order.Status == acme.StatusPending || order.Status == acme.StatusReady) && isFor(order, names) {
			order.URI = at // an answer to this question need not say it
			return order, nil
		}
		if err != nil && !isRefusal(err) {
			return nil, fmt.Errorf("ask for the order: %w", err)
		}
	}
	order, err := client.AuthorizeOrder(ctx, acme.DomainIDs(names...))
	if err != nil {
		return nil, fmt.Errorf("order a certificate: %w", err)
	}
	return order, i.change(func(k *kept) { k.Order, k.Proofs = order.URI, nil })
}

func isFor(order *acme.Order, names []string) bool {
	if len(order.Identifiers) != len(names) {
		return false
	}
	have := map[string]bool{}
	for _, id := range order.Identifiers {
		have[id.Value] = true
	}
	for _, name := range names {
		if !have[name] {
			return false
		}
	}
	return true
}

// prove answers the authority's challenges.
func (i *Issuance) prove(ctx context.Context, client *acme.Client, order *acme.Order, m Method) error {
	var wait []string
	var accept []*acme.Challenge
	var proofs []Proof
	for _, at := range order.AuthzURLs {
		z, err := client.GetAuthorization(ctx, at)
		if err != nil {
			return fmt.Errorf("ask what is to be proved: %w", err)
		}
		if z.Status == acme.StatusValid {
			continue
		}
		challenge, err := i.challenge(client, z, m, &proofs)
		if err != nil {
			return err
		}
		wait, accept = append(wait, z.URI), append(accept, challenge)
	}
	if err := i.published(ctx, proofs); err != nil {
		return err
	}
	for n, c := range accept {
		if c.Status == acme.StatusPending { // else it was answered before a start
			if _, err := client.Accept(ctx, c); err != nil {
				return fmt.Errorf("answer the authority: %w", err)
			}
		}
		if _, err := client.WaitAuthorization(ctx, wait[n]); err != nil {
			return fmt.Errorf("prove the name: %w", err)
		}
	}
	return nil
}

// challenge prepares the answer to one.
func (i *Issuance) challenge(client *acme.Client, z *acme.Authorization, m Method, proofs *[]Proof) (*acme.Challenge, error) {
	for _, c := range z.Challenges {
		if c.Type != string(m) {
			continue
		}
		if m == DNS {
			value, err := client.DNS01ChallengeRecord(c.Token)
			*proofs = append(*proofs, Proof{"_acme-challenge." + z.Identifier.Value, value})
			return c, err
		}
		answer, err := client.HTTP01ChallengeResponse(c.Token)
		if err != nil {
			return nil, err
		}
		i.mu.Lock()
		i.tokens[client.HTTP01ChallengePath(c.Token)] = answer
		i.mu.Unlock()
		return c, nil
	}
	return nil, &acme.Error{Detail: "the authority does not take " + string(m) + " for " + z.Identifier.Value}
}

// published holds the order back until DNS shows what is to be proved: whoever asks the
// authority too early has to begin anew, with another value.
func (i *Issuance) published(ctx context.Context, proofs []Proof) error {
	if i.allPublished(ctx, proofs) {
		return nil
	}
	if err := i.change(func(k *kept) { k.Proofs, k.Tried, k.Problem, k.Next = proofs, time.Now(), "", time.Time{} }); err != nil {
		return err
	}
	return errWaits
}

func (i *Issuance) allPublished(ctx context.Context, proofs []Proof) bool {
	for _, p := range proofs {
		if !i.o.Published(ctx, p) {
			return false
		}
	}
	return true
}

// finish has the certificate issued and taken.
func (i *Issuance) finish(ctx context.Context, client *acme.Client, order *acme.Order, key *ecdsa.PrivateKey) error {
	order, err := client.WaitOrder(ctx, order.URI)
	if err != nil {
		return fmt.Errorf("wait for the order: %w", err)
	}
	request := &x509.CertificateRequest{}
	for _, id := range order.Identifiers {
		request.DNSNames = append(request.DNSNames, id.Value)
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, request, key)
	if err != nil {
		return fmt.Errorf("ask for the certificate: %w", err)
	}
	chain, _, err := client.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return fmt.Errorf("get the certificate: %w", err)
	}
	sum := sha256.Sum256(chain[0])
	if ctx.Err() != nil {
		return ctx.Err() // given up: what comes late is not taken
	}
	if err := i.o.Take(chain, key); err != nil {
		return fmt.Errorf("take the certificate: %w", err)
	}
	i.o.Log.Info("certificate issued", "names", request.DNSNames)
	return i.change(func(k *kept) {
		*k = kept{Settings: k.Settings, AccountKey: k.AccountKey, Key: k.Key, Issued: sum[:], Tried: time.Now()}
	})
}

// isRefusal tells an authority's no from trouble on the way.
func isRefusal(err error) bool {
	var refused *acme.Error
	return errors.As(err, &refused) && refused.StatusCode >= 400 && refused.StatusCode < 500
}

// inWords is what a person is told: the authority's own words where it has said some.
func inWords(err error) string {
	const most = 400
	var text string
	var authz *acme.AuthorizationError
	var order *acme.OrderError
	var refused *acme.Error
	switch {
	case errors.As(err, &authz) && len(authz.Errors) > 0:
		text = authz.Identifier + ": " + inWords(authz.Errors[0])
	case errors.As(err, &order):
		text = "The authority has given the order up (" + order.Status + ")"
	case errors.As(err, &refused) && refused.Detail != "":
		text = refused.Detail
	case errors.Is(err, context.DeadlineExceeded):
		text = "The authority did not answer in time"
	default:
		text = err.Error()
	}
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "")
	}
	return text
}

// ServeHTTP answers the authority at /.well-known/acme-challenge/ (RFC 8555 §8.3).
func (i *Issuance) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	answer, ok := i.tokens[r.URL.Path]
	i.mu.Unlock()
	if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write([]byte(answer)) // the authority asks again
}
