package directory

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// state is the whole directory as one value that never changes: a change makes
// the next one, sharing what stays.
type state struct {
	lsn       journal.LSN // of the last record in it
	box       *boxRecord  // nil before the set-up
	accounts  map[mail.AccountID]*accountRecord
	addresses map[mail.Address]mail.AccountID // canonical, of accounts that are there
	listings  map[mail.Address]*listingRecord // canonical, of addresses that are no account's own
	domains   map[domain.Name]*domainRecord   // of domains that have settings, and aliases
	rules     map[mail.AccountID]*rulesRecord // also of removed accounts, for a restore
	signing   map[domain.Name]*signingRecord  // of domains that sign or leave it to the provider, and of the box's name
	content   map[domain.Name]*contentRecord
	spares    map[domain.Name]*spareRecord   // of others' domains; "": the office's own spare servers
	limits    map[mail.AccountID]mail.Limits // of what is sent; 0: everybody's
	routes    map[string]*routeRecord        // by routeRecord.key
	tokens    map[tokenHash]*tokenRecord

	blockLists *blockListsRecord                // nil: none
	admission  *admissionRecord                 // nil: nobody
	reporting  map[domain.Name]*reportingRecord // of others' domains; "": all that have none
	sizes      map[string]*sizeRecord           // by sizeRecord.key
	trace      *traceRecord                     // nil: as usual
	shares     *shareBook                       // never nil, never changed

	next   mail.AccountID // the number that the next new account gets
	first  mail.AccountID // an owner, or who stands in for one
	keeper mail.AccountID // the administrator who has been there longest; gets postmaster's mail
}

type tokenHash [32]byte

// entry names one entry of the index that a change touched.
type entry struct {
	bucket string
	key    []byte
}

func emptyState() *state {
	return &state{
		accounts:  map[mail.AccountID]*accountRecord{},
		addresses: map[mail.Address]mail.AccountID{},
		listings:  map[mail.Address]*listingRecord{},
		domains:   map[domain.Name]*domainRecord{},
		rules:     map[mail.AccountID]*rulesRecord{},
		signing:   map[domain.Name]*signingRecord{},
		content:   map[domain.Name]*contentRecord{},
		spares:    map[domain.Name]*spareRecord{},
		limits:    map[mail.AccountID]mail.Limits{},
		routes:    map[string]*routeRecord{},
		tokens:    map[tokenHash]*tokenRecord{},
		reporting: map[domain.Name]*reportingRecord{},
		sizes:     map[string]*sizeRecord{},
		shares:    &shareBook{},
		next:      1,
	}
}

// apply makes the state after the record, and says which entries of the index
// differ. It refuses a record that doesn't fit, which never gets into the journal.
func (s *state) apply(record any) (*state, []entry, error) {
	n := &state{
		lsn: s.lsn, box: s.box, accounts: maps.Clone(s.accounts), addresses: maps.Clone(s.addresses), listings: maps.Clone(s.listings),
		domains: maps.Clone(s.domains), rules: maps.Clone(s.rules), signing: maps.Clone(s.signing), content: maps.Clone(s.content), spares: maps.Clone(s.spares), limits: maps.Clone(s.limits), routes: maps.Clone(s.routes), tokens: maps.Clone(s.tokens), next: s.next,
		blockLists: s.blockLists, admission: s.admission, reporting: maps.Clone(s.reporting), sizes: maps.Clone(s.sizes), trace: s.trace, shares: s.shares,
	}
	var touched []entry
	var err error
	switch r := record.(type) {
	case setUpRecord:
		touched, err = n.setUp(&r)
	case accountRecord:
		touched, err = n.add(&r)
	case changeRecord:
		touched, err = n.change(&r)
	case removeRecord:
		touched, err = n.remove(&r)
	case restoreRecord:
		touched, err = n.restore(&r)
	case forgetRecord:
		touched, err = n.forget(&r)
	case domainRecord:
		touched, err = n.setDomain(&r)
	case removeDomainRecord:
		touched, err = n.removeDomain(&r)
	case listingRecord:
		touched, err = n.setListing(&r)
	case removeListingRecord:
		touched, err = n.removeListing(&r)
	case rulesRecord:
		touched, err = n.setRules(&r)
	case signingRecord:
		touched, err = n.setSigning(&r)
	case contentRecord:
		touched, err = n.setContent(&r)
	case spareRecord:
		touched, err = n.setSpare(&r)
	case limitsRecord:
		touched, err = n.setLimits(&r)
	case routeRecord:
		touched, err = n.setRoute(&r)
	case collectionRecord:
		touched, err = n.setCollection(&r)
	case removeCollectionRecord:
		touched, err = n.removeCollection(&r)
	case blockListsRecord:
		touched, err = n.setBlockLists(&r)
	case admissionRecord:
		touched, err = n.setAdmission(&r)
	case reportingRecord:
		touched, err = n.setReporting(&r)
	case sizeRecord:
		touched, err = n.setSize(&r)
	case traceRecord:
		touched, err = n.setTrace(&r)
	case accessRecord:
		touched, err = n.setAccess(&r)
	case leaveRecord:
		touched, err = n.setLeave(&r)
	case factorRecord:
		touched, err = n.setFactor(&r)
	case appPasswordRecord:
		touched, err = n.setAppPassword(&r)
	case programsRecord:
		touched, err = n.setPrograms(&r)
	case passkeyRecord:
		touched, err = n.setPasskey(&r)
	case roleRecord:
		touched, err = n.setRole(&r)
	case apopRecord:
		touched, err = n.setAPOP(&r)
	case certificateRecord:
		touched, err = n.setCertificate(&r)
	case sharesRecord:
		touched, err = n.setShares(&r)
	case loginDelayRecord:
		touched, err = n.setLoginDelay(&r)
	case tokenRecord:
		touched, err = n.addToken(&r)
	case removeTokenRecord:
		touched, err = n.removeToken(&r)
	default:
		err = fmt.Errorf("directory: no record is a %T", record)
	}
	if err != nil {
		return nil, nil, err
	}
	n.keeper = n.oldestAdmin()
	n.first = n.owner()
	return n, touched, nil
}

func (s *state) setUp(r *setUpRecord) ([]entry, error) {
	if s.box != nil {
		return nil, ErrSetUp
	}
	s.box = &r.Box
	touched := []entry{{bucketBox, boxKey()}}
	for i := range r.Accounts {
		t, err := s.add(&r.Accounts[i])
		if err != nil {
			return nil, err
		}
		touched = append(touched, t...)
	}
	if s.oldestAdmin() == 0 {
		return nil, mail.ErrLastAdmin
	}
	return touched, nil
}

func (s *state) add(r *accountRecord) ([]entry, error) {
	address := r.address()
	switch {
	case s.box == nil:
		return nil, ErrNotSetUp
	case r.ID < s.next:
		return nil, fmt.Errorf("directory: account number %d was given already", r.ID)
	case !slices.Contains(s.box.Domains, r.Domain):
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrNotOurDomain)
	case s.taken(address):
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrAddressTaken)
	}
	s.accounts[r.ID] = r
	s.addresses[address] = r.ID
	s.next = r.ID + 1
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}

// live finds an account that has not been removed.
func (s *state) live(id mail.AccountID) (*accountRecord, error) {
	a := s.accounts[id]
	if a == nil || !a.Removed.IsZero() {
		return nil, fmt.Errorf("directory: account %s: %w", id, mail.ErrNoAccount)
	}
	return a, nil
}

func (s *state) change(r *changeRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	if r.Admin != nil {
		a.Admin, a.Role, a.Domains = *r.Admin, mail.RoleUser, nil
	}
	if len(r.Credential) > 0 {
		a.Credential = r.Credential
	}
	if r.Quota != nil {
		a.Quota = *r.Quota
	}
	if r.Disabled != nil {
		a.Disabled = *r.Disabled
	}
	s.accounts[r.ID] = &a
	if s.oldestAdmin() == 0 {
		return nil, mail.ErrLastAdmin
	}
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}

// remove keeps the account's record, so that it can be restored; its tokens,
// certificates, APOP secret, app passwords and passkeys go.
func (s *state) remove(r *removeRecord) ([]entry, error) {
	old, err := s.live(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.Removed, a.Certificates, a.APOP = r.At, nil, nil
	a.AppPasswords, a.OnlyPrograms, a.Passkeys = nil, false, nil
	if !r.Keep {
		a.Credential = nil
	}
	s.accounts[r.ID] = &a
	delete(s.addresses, a.address())
	if s.oldestAdmin() == 0 {
		return nil, mail.ErrLastAdmin
	}
	touched := []entry{{bucketAccounts, accountKey(r.ID)}}
	for hash, token := range s.tokens {
		if token.Owner == r.ID {
			delete(s.tokens, hash)
			touched = append(touched, entry{bucketTokens, hash[:]})
		}
	}
	return touched, nil
}

// removed finds an account that has been removed.
func (s *state) removed(id mail.AccountID) (*accountRecord, error) {
	a := s.accounts[id]
	if a == nil || a.Removed.IsZero() {
		return nil, fmt.Errorf("directory: removed account %s: %w", id, mail.ErrNoAccount)
	}
	return a, nil
}

func (s *state) restore(r *restoreRecord) ([]entry, error) {
	old, err := s.removed(r.ID)
	if err != nil {
		return nil, err
	}
	a := *old
	a.Removed = time.Time{}
	if r.Domain != "" {
		a.Local, a.Domain = r.Local, r.Domain
	}
	if len(r.Credential) > 0 {
		a.Credential = r.Credential
	}
	address := a.address()
	switch {
	case !slices.Contains(s.box.Domains, a.Domain):
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrNotOurDomain)
	case s.taken(address):
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrAddressTaken)
	case len(a.Credential) == 0:
		return nil, fmt.Errorf("directory: %s: %w", address, mail.ErrPasswordNeeded)
	}
	s.accounts[r.ID] = &a
	s.addresses[address] = r.ID
	return []entry{{bucketAccounts, accountKey(r.ID)}}, nil
}

// forget keeps of removed accounts only that their numbers were given.
func (s *state) forget(r *forgetRecord) ([]entry, error) {
	var touched []entry
	for _, id := range r.IDs {
		old, err := s.removed(id)
		if err != nil {
			return nil, err
		}
		a := *old
		a.Name, a.Credential, a.Factor, a.Gone = "", nil, nil, true
		s.accounts[id] = &a
		touched = append(touched, entry{bucketAccounts, accountKey(id)})
		if _, set := s.limits[id]; set {
			delete(s.limits, id)
			touched = append(touched, entry{bucketLimits, accountKey(id)})
		}
	}
	return append(append(touched, s.unlink(r.IDs)...), s.unshare(r.IDs)...), nil
}

func (s *state) addToken(r *tokenRecord) ([]entry, error) {
	if _, err := s.live(r.Owner); err != nil {
		return nil, err
	}
	if len(r.Hash) != len(tokenHash{}) {
		return nil, fmt.Errorf("directory: a token's hash has %d bytes", len(r.Hash))
	}
	hash := tokenHash(r.Hash)
	s.tokens[hash] = r
	return []entry{{bucketTokens, hash[:]}}, nil
}

func (s *state) removeToken(r *removeTokenRecord) ([]entry, error) {
	if len(r.Hash) != len(tokenHash{}) || s.tokens[tokenHash(r.Hash)] == nil {
		return nil, fmt.Errorf("directory: %w", ErrNoToken)
	}
	hash := tokenHash(r.Hash)
	delete(s.tokens, hash)
	return []entry{{bucketTokens, hash[:]}}, nil
}

// oldestAdmin is the administrator with the lowest number who can log in; 0 if there is none.
func (s *state) oldestAdmin() mail.AccountID {
	var oldest mail.AccountID
	for id, a := range s.accounts {
		if a.Admin && a.Removed.IsZero() && !a.Disabled && (oldest == 0 || id < oldest) {
			oldest = id
		}
	}
	return oldest
}

// owns reports whether a domain is the office's.
func (s *state) owns(name domain.Name) bool {
	return s.box != nil && slices.Contains(s.box.Domains, name)
}
