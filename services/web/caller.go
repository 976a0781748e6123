package web

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// need is who may make a call. Behind anybody and coded each includes those after it, but that
// the help desk does not look after people.
type need uint8

const (
	forAnybody  need = iota // in the office's network
	forCoded                // who has the set-up code that the box's screen shows
	forSignedIn             // who is signed in, about what is theirs
	forTracers              // who finds messages: all, or those of some domains
	forHelpers              // the help desk: where mail is, and nothing of what is in it
	forPeople               // who looks after people: all, or those of some domains
	forAdmins               // who runs the office
	forOwners               // who says who has which role

	// sure is added to what nobody may do from a browser that somebody has left open.
	sure need = 1 << 7
)

// String is how the API's description names it.
func (n need) String() string {
	return [...]string{"anybody", "set-up code", "person", "trace", "help desk", "people", "administrator", "owner"}[n&^sure]
}

// grants says whether a role is enough. Who looks after people of some domains sees where
// their mail is (caller.within), and not where everybody's is.
func (n need) grants(role mail.AccountRole) bool {
	switch n &^ sure {
	case forAnybody, forSignedIn:
		return true
	case forTracers:
		return forHelpers.grants(role) || forPeople.grants(role)
	case forHelpers:
		return role == mail.RoleHelpDesk || role.Admin()
	case forPeople:
		return role == mail.RoleDomainAdmin || role.Admin()
	case forAdmins:
		return role.Admin()
	case forOwners:
		return role == mail.RoleOwner
	}
	return false
}

// caller is who makes a call: a person by a browser's session, or by a token.
type caller struct {
	mail.Login
	role    mail.AccountRole
	domains []string // those that a domain administrator looks after
	token   bool
	scopes  []string // of the token; none: all that its owner may
}

// callerOf is an account's.
func callerOf(a mail.Account) caller {
	return caller{Login: mail.Login{Account: a.ID, Address: a.Address, Admin: a.Role.Admin()}, role: a.Role, domains: a.Domains}
}

// Scopes of tokens are names of areas, each with ":read" behind it where nothing may be
// changed, or readScope for all areas.
const (
	readOnly  = ":read"
	allScope  = "all"
	readScope = allScope + readOnly
)

// scopesAllow says whether a token's scopes have a call of an area among them. What lets
// somebody read others' mail is no reading.
func scopesAllow(scopes []string, area, pattern string) bool {
	if len(scopes) == 0 || slices.Contains(scopes, allScope) || slices.Contains(scopes, area) {
		return true
	}
	reads := strings.HasPrefix(pattern, http.MethodGet+" ") && !readsMail(pattern)
	return reads && (slices.Contains(scopes, readScope) || slices.Contains(scopes, area+readOnly))
}

// looksAfter says whether an address is in a domain that who looks after. Only a domain
// administrator's are less than all.
func (who *caller) looksAfter(a mail.Address) bool {
	return who.role != mail.RoleDomainAdmin || slices.Contains(who.domains, a.Domain)
}

func problemNotYours() *Problem {
	return &Problem{Status: http.StatusForbidden, Field: "address", Message: "This address is in a domain that you don't look after.", WhatToDo: "Ask the person who runs the box."}
}

// reach finds an account that a call is about, by its address.
func (s *Server) reach(ctx context.Context, who *caller, address string) (mail.Account, error) {
	account, err := s.find(ctx, address)
	if who.role == mail.RoleDomainAdmin && (errors.Is(err, mail.ErrNoAccount) || err == nil && !who.looksAfter(account.Address)) {
		if parsed, bad := parseAddress(address); bad == nil && !who.looksAfter(parsed) {
			return mail.Account{}, problemNotYours() // also of who is nobody: they learn nothing of other domains
		}
	}
	return account, err
}

// over is reach for what would let somebody use the account, or end it: that of one who may
// as much as who asks is out of it, so that nobody takes over a role.
func (s *Server) over(ctx context.Context, who *caller, address string) (mail.Account, error) {
	account, err := s.reach(ctx, who, address)
	if err != nil || account.ID == who.Account || who.role == mail.RoleOwner || who.role.Above(account.Role) {
		return account, err
	}
	return mail.Account{}, &Problem{Status: http.StatusForbidden, Field: "address", Message: "This person runs the box as you do.", WhatToDo: "Only an owner of the box may do this with their account."}
}
