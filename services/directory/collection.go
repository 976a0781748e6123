package directory

import (
	"context"
	"fmt"
	"slices"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/setup"
)

// maxCollections is as many mailboxes at providers as a set-up document may have.
const maxCollections = 500

// SetCollection adds a mailbox at a provider, or makes its settings those given here
// if there is one of this protocol, host and user. Durable and visible on return.
// Errors: ErrNotSetUp, mail.ErrNotOurDomain, mail.ErrTooMany.
func (d *Directory) SetCollection(ctx context.Context, c setup.Collection) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindSetCollection, closeCollection(d.key, &c))
}

// RemoveCollection ends collecting from a mailbox at a provider. What was collected
// from it stays known. The error is mail.ErrNoMailbox if there is none.
func (d *Directory) RemoveCollection(ctx context.Context, protocol setup.Protocol, host, user string) error {
	if err := d.begin(ctx); err != nil {
		return err
	}
	defer d.end()
	return d.commit(ctx, kindRemoveCollection, removeCollectionRecord{string(protocol), host, user})
}

func (r *collectionRecord) name() removeCollectionRecord {
	return removeCollectionRecord{r.Protocol, r.Host, r.User}
}

func (s *state) setCollection(r *collectionRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	if !s.owns(r.Domain) {
		return nil, fmt.Errorf("directory: %s: %w", r.Domain, mail.ErrNotOurDomain)
	}
	box := *s.box
	box.Collect = slices.Clone(box.Collect)
	if i := box.collection(r.name()); i >= 0 {
		box.Collect[i] = *r
	} else if len(box.Collect) >= maxCollections {
		return nil, fmt.Errorf("directory: %d mailboxes at providers: %w", maxCollections, mail.ErrTooMany)
	} else {
		box.Collect = append(box.Collect, *r)
	}
	s.box = &box
	return []entry{{bucketBox, boxKey()}}, nil
}

func (s *state) removeCollection(r *removeCollectionRecord) ([]entry, error) {
	if s.box == nil {
		return nil, ErrNotSetUp
	}
	i := s.box.collection(*r)
	if i < 0 {
		return nil, fmt.Errorf("directory: %s at %s: %w", r.User, r.Host, mail.ErrNoMailbox)
	}
	box := *s.box
	box.Collect = slices.Delete(slices.Clone(box.Collect), i, i+1)
	s.box = &box
	return []entry{{bucketBox, boxKey()}}, nil
}

func (r *boxRecord) collection(name removeCollectionRecord) int {
	return slices.IndexFunc(r.Collect, func(c collectionRecord) bool { return c.name() == name })
}

func closeCollection(key *auth.Key, c *setup.Collection) collectionRecord {
	r := collectionRecord{Protocol: string(c.Protocol), Host: c.Host, Port: c.Port, TLS: string(c.TLS), User: c.User,
		Every: c.Every, Local: c.IntoAddress.Local, Domain: c.IntoDomain,
		Folders: c.Folders, Fields: c.Fields, ToCc: c.ToCc, Believe: c.Believe, Paused: c.Paused}
	if c.IntoDomain == "" {
		r.Domain = domain.Name(c.IntoAddress.Domain)
	}
	if leave := c.Leave; leave != setup.UsualLeave {
		r.Leave = &leave
	}
	if !c.Keeper.IsZero() {
		r.Keeper = &memberRecord{Local: c.Keeper.Local, Domain: domain.Name(c.Keeper.Domain)}
	}
	r.Password = key.Seal(r.purpose(), c.Password)
	return r
}

func (r *collectionRecord) purpose() string { return fmt.Sprintf("collect %s at %s", r.User, r.Host) }

// open gives the settings with the password in clear; with an error without it.
func (r *collectionRecord) open(key *auth.Key) (c setup.Collection, err error) {
	c = setup.Collection{Protocol: setup.Protocol(r.Protocol), Host: r.Host, Port: r.Port, TLS: setup.TLSMode(r.TLS), User: r.User, Every: r.Every,
		Leave: setup.UsualLeave, Folders: r.Folders, Fields: r.Fields, ToCc: r.ToCc, Believe: r.Believe, Paused: r.Paused}
	if r.Local != "" {
		c.IntoAddress = mail.Address{Local: r.Local, Domain: string(r.Domain)}
	} else {
		c.IntoDomain = r.Domain
	}
	if r.Leave != nil {
		c.Leave = *r.Leave
	}
	if r.Keeper != nil {
		c.Keeper = mail.Address{Local: r.Keeper.Local, Domain: string(r.Keeper.Domain)}
	}
	c.Password, err = key.Open(r.purpose(), r.Password)
	return c, err
}
