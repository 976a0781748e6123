package mail

// AccountRole is what somebody may do beside using their own mailbox. The texts are on
// disk and in the API for ever.
type AccountRole string

// The roles, each may more than the one before.
const (
	RoleUser        AccountRole = ""          // nothing
	RoleHelpDesk    AccountRole = "help_desk" // follow messages, without reading any
	RoleDomainAdmin AccountRole = "domain"    // look after the people of some domains
	RoleAdmin       AccountRole = "admin"     // run the office
	RoleOwner       AccountRole = "owner"     // and say who has which role
)

// AccountRoles are all, the one that may least first.
func AccountRoles() []AccountRole {
	return []AccountRole{RoleUser, RoleHelpDesk, RoleDomainAdmin, RoleAdmin, RoleOwner}
}

// Known says whether there is such a role.
func (r AccountRole) Known() bool { return r.rank() >= 0 }

// Above says whether r may more than other. What is not known may nothing.
func (r AccountRole) Above(other AccountRole) bool { return r.rank() > other.rank() }

// Admin says whether who has it runs the office.
func (r AccountRole) Admin() bool { return r == RoleAdmin || r == RoleOwner }

func (r AccountRole) rank() int {
	for i, known := range AccountRoles() {
		if r == known {
			return i
		}
	}
	return -1
}
