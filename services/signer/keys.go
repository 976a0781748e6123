package signer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/dkim"
	"github.com/sanduk-mail/sanduk/services/domain"
)

const (
	// makeEvery is how soon a new domain has keys; that nothing is to be made costs
	// nothing to find out.
	makeEvery = 15 * time.Second
	// lookEvery is how often DNS is asked whether the next keys are published: what an
	// administrator has just published is seen while he still thinks of it.
	lookEvery = 10 * time.Minute
	// showOld is how much longer old keys are kept than their records are needed, for
	// the page to say that those can go.
	showOld = dkim.StaleAfter
	// lookTime is how long that may take for one domain.
	lookTime = time.Minute
)

// Keys are a domain's keys, made if it has none. They are shared: nobody may change
// them. Errors: ErrNoDomain, or the store's.
func (s *Signer) Keys(ctx context.Context, name domain.Name) (*dkim.Keys, error) {
	if k, err := s.read(name); k != nil || err != nil {
		return k, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	if k, err := s.read(name); k != nil || err != nil {
		return k, err // somebody else has made them meanwhile
	}
	k, err := dkim.NewKeys(string(name), s.o.Now())
	if err != nil {
		return nil, err
	}
	if err := s.write(ctx, name, k); err != nil {
		return nil, err
	}
	s.o.Log.Info("keys to sign with were made", "domain", name, "selectors", "*"+k.Current.Label)
	return k, nil
}

// read gives a domain's keys; nil, nil where there are none.
func (s *Signer) read(name domain.Name) (*dkim.Keys, error) {
	if !slices.Contains(s.o.Domains(), name) {
		return nil, fmt.Errorf("%s: %w", name, ErrNoDomain)
	}
	encoded, err := s.o.Keys.SigningKeys(name)
	if err != nil || encoded == nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k, ok := s.known[name]; ok && k.encoded == string(encoded) {
		return k.keys, nil
	}
	keys, err := dkim.DecodeKeys(encoded)
	if err != nil {
		return nil, fmt.Errorf("keys of %s: %w", name, err)
	}
	s.known[name] = known{string(encoded), keys}
	return keys, nil
}

func (s *Signer) write(ctx context.Context, name domain.Name, k *dkim.Keys) error {
	if err := s.o.Keys.SetSigningKeys(ctx, name, k.Encode()); err != nil {
		return fmt.Errorf("keep keys of %s: %w", name, err)
	}
	return nil
}

// change changes a domain's keys durably, if do says so.
func (s *Signer) change(ctx context.Context, name domain.Name, do func(k *dkim.Keys) (bool, error)) (*dkim.Keys, error) {
	if _, err := s.Keys(ctx, name); err != nil {
		return nil, err
	}
	s.changing.Lock()
	defer s.changing.Unlock()
	shared, err := s.read(name)
	if err != nil {
		return nil, err
	}
	if shared == nil {
		return nil, fmt.Errorf("%s: %w", name, ErrNoDomain) // it was removed this moment
	}
	k := *shared
	k.Retired = slices.Clone(k.Retired)
	changed, err := do(&k)
	if err != nil || !changed {
		return shared, err
	}
	return &k, s.write(ctx, name, &k)
}

// Prepare makes a domain's next keys, if there are none: their records are to be
// published, then the box signs with them. Durable on return. Error: ErrLeft.
func (s *Signer) Prepare(ctx context.Context, name domain.Name) (*dkim.Keys, error) {
	if s.o.Left(name) {
		return nil, fmt.Errorf("%s: %w", name, ErrLeft)
	}
	return s.change(ctx, name, func(k *dkim.Keys) (bool, error) {
		had := k.Next != nil
		return !had, k.Prepare(s.o.Now())
	})
}

// Switch signs with the next keys from now on, whether DNS has them or not. Durable on
// return. Errors: dkim.ErrNotPrepared, ErrLeft.
func (s *Signer) Switch(ctx context.Context, name domain.Name) (*dkim.Keys, error) {
	if s.o.Left(name) {
		return nil, fmt.Errorf("%s: %w", name, ErrLeft)
	}
	k, err := s.change(ctx, name, func(k *dkim.Keys) (bool, error) {
		return true, k.Switch(s.o.Now())
	})
	if err == nil {
		s.o.Log.Info("mail is signed with new keys", "domain", name, "selectors", "*"+k.Current.Label)
	}
	return k, err
}

// Run makes keys for domains that are new, takes up the next ones when they are in
// DNS, and forgets old ones, until ctx ends.
func (s *Signer) Run(ctx context.Context) {
	var looked time.Time
	for {
		look := s.o.Now().Sub(looked) >= lookEvery
		if look {
			looked = s.o.Now()
		}
		wait := makeEvery
		if !s.attend(ctx, look) {
			wait = lookEvery // keys that a disk doesn't take are made in vain, which is work
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// attend does once what Run does, and says whether all went well.
func (s *Signer) attend(ctx context.Context, look bool) (well bool) {
	well = true
	for _, name := range s.o.Domains() {
		if s.o.Left(name) {
			continue
		}
		k, err := s.Keys(ctx, name)
		if err == nil && look && k.Next != nil {
			err = s.take(ctx, name, k)
		}
		if err == nil && len(k.Retired) > 0 {
			_, err = s.change(ctx, name, func(k *dkim.Keys) (bool, error) { return k.Prune(s.o.Now().Add(-showOld)), nil })
		}
		if err != nil && ctx.Err() == nil && !errors.Is(err, ErrNoDomain) {
			s.o.Log.Warn("keys to sign with are not as they should be", "domain", name, "err", err)
			well = false
		}
	}
	return well
}

// take takes up the next keys of a domain if both of their records are in DNS.
func (s *Signer) take(ctx context.Context, name domain.Name, k *dkim.Keys) error {
	looking, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	for _, r := range k.Records() {
		if r.Use != dkim.UseNext {
			continue
		}
		if there, err := r.Published(looking, s.o.DNS); err != nil || !there {
			return err
		}
	}
	_, err := s.Switch(ctx, name)
	return err
}
