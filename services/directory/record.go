package directory

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"time"

	"github.com/sanduk-mail/sanduk/services/auth"
	"github.com/sanduk-mail/sanduk/services/domain"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// kind is the type of a record of family Directory. The numbers are on disk for
// ever.
type kind uint8

const (
	kindSetUp         kind = 1
	kindAddAccount    kind = 2
	kindChangeAccount kind = 3
	kindRemoveAccount kind = 4
	kindAddToken      kind = 5
	kindRemoveToken   kind = 6
	kindRestore       kind = 7
	kindForget        kind = 8
	// From 10 on: who gets what.
	kindSetDomain     kind = 10
	kindRemoveDomain  kind = 11
	kindSetListing    kind = 12
	kindRemoveListing kind = 13
	kindSetRules      kind = 14
	kindSetSigning    kind = 15
	kindSetContent    kind = 16
	kindSetSpare      kind = 17
	kindSetLimits     kind = 18
	kindSetRoute      kind = 19

	kindSetCollection    kind = 20
	kindRemoveCollection kind = 21
	kindSetBlockLists    kind = 22
	kindSetReporting     kind = 23
	kindSetSize          kind = 24
	kindSetTrace         kind = 25
	kindSetAccess        kind = 26
	kindSetLeave         kind = 27
	kindSetAPOP          kind = 28
	kindSetCertificate   kind = 29
	kindSetShares        kind = 30
	kindSetLoginDelay    kind = 32
	kindSetAdmission     kind = 34
	kindSetFactor        kind = 42
	kindSetAppPassword   kind = 43
	kindSetPrograms      kind = 44
	kindSetPasskey       kind = 45
	kindSetRole          kind = 46
)

// recordVersion is the first byte of every payload; JSON follows. A reader
// refuses another version and passes over fields that it doesn't know.
const recordVersion = 1

// The payloads. Their field names are on disk for ever.
type (
	setUpRecord struct {
		Box      boxRecord       `json:"box"`
		Accounts []accountRecord `json:"accounts"`
	}
	accountRecord struct {
		ID           mail.AccountID      `json:"id"`
		Local        string              `json:"local"`
		Domain       domain.Name         `json:"domain"`
		Name         string              `json:"name,omitempty"`
		Admin        bool                `json:"admin,omitempty"`
		Created      time.Time           `json:"created"`
		Removed      time.Time           `json:"removed,omitzero"`
		Quota        quotaRecord         `json:"quota,omitzero"`
		Credential   auth.Record         `json:"credential"`
		Access       *accessRecord       `json:"access,omitempty"`
		Leave        *int                `json:"leave,omitempty"` // days, see leaveRecord
		Certificates []certificateRecord `json:"certificates,omitempty"`
		APOP         []byte              `json:"apop,omitempty"`        // sealed
		Factor       []byte              `json:"factor,omitempty"`      // sealed
		LoginDelay   int                 `json:"login_delay,omitempty"` // seconds
		Disabled     bool                `json:"disabled,omitempty"`
		AppPasswords []appPasswordRecord `json:"app_passwords,omitempty"`
		AppNumber    mail.ProgramNumber  `json:"app_number,omitempty"` // the last that was given
		OnlyPrograms bool                `json:"only_programs,omitempty"`
		Passkeys     []passkeyRecord     `json:"passkeys,omitempty"`
		// Role is what Admin doesn't say: an owner, or one who may less than an administrator.
		Role    mail.AccountRole `json:"role,omitempty"`
		Domains []domain.Name    `json:"domains,omitempty"` // of a domain administrator
		// Gone says that the mail of a removed account is gone for good, and with it
		// the name and the credential; never in a record of the log.
		Gone bool `json:"gone,omitempty"`
	}
	// changeRecord sets what it has.
	changeRecord struct {
		ID         mail.AccountID `json:"id"`
		Admin      *bool          `json:"admin,omitempty"`
		Credential auth.Record    `json:"credential,omitempty"`
		Quota      *quotaRecord   `json:"quota,omitempty"`
		Disabled   *bool          `json:"disabled,omitempty"`
	}
	// roleRecord is what somebody may do beside using their own mailbox, in place of what held
	// before.
	roleRecord struct {
		ID      mail.AccountID   `json:"id"`
		Role    mail.AccountRole `json:"role,omitempty"`
		Domains []domain.Name    `json:"domains,omitempty"`
	}
	quotaRecord struct {
		Bytes    int64 `json:"bytes,omitempty"`
		Messages int64 `json:"messages,omitempty"`
	}
	removeRecord struct {
		ID mail.AccountID `json:"id"`
		At time.Time      `json:"at"`
		// Keep says that the credential is kept for a restore. The first boxes
		// threw it away, and their records must go on meaning that.
		Keep bool `json:"keep,omitempty"`
	}
	// restoreRecord brings a removed account back; what it has replaces what was.
	restoreRecord struct {
		ID         mail.AccountID `json:"id"`
		Local      string         `json:"local,omitempty"` // with Domain: another address
		Domain     domain.Name    `json:"domain,omitempty"`
		Credential auth.Record    `json:"credential,omitempty"`
	}
	// forgetRecord ends what is kept of removed accounts for a restore.
	forgetRecord struct {
		IDs []mail.AccountID `json:"ids"`
	}
	// domainRecord is all that holds for one domain, in place of what held before.
	domainRecord struct {
		Name     domain.Name    `json:"name"`
		AliasOf  domain.Name    `json:"alias_of,omitempty"`
		CatchAll mail.AccountID `json:"catch_all,omitempty"`
		Copies   []copyRecord   `json:"copies,omitempty"`
	}
	removeDomainRecord struct {
		Name domain.Name `json:"name"`
	}
	// listingRecord is all of an address that is no account's own, in place of what
	// it was before.
	listingRecord struct {
		Local   string         `json:"local"`
		Domain  domain.Name    `json:"domain"`
		Kind    string         `json:"kind"` // alias, shared, group
		Name    string         `json:"name,omitempty"`
		Members []memberRecord `json:"members,omitempty"`
		Who     string         `json:"who,omitempty"` // "" (anybody), office, members, named
		Named   []memberRecord `json:"named,omitempty"`
		Created time.Time      `json:"created"`
	}
	removeListingRecord struct {
		Local  string      `json:"local"`
		Domain domain.Name `json:"domain"`
	}
	// rulesRecord is all that holds for one account's mail, in place of what held
	// before.
	rulesRecord struct {
		ID        mail.AccountID `json:"id"`
		Forward   []memberRecord `json:"forward,omitempty"`
		Keep      bool           `json:"keep,omitempty"`
		LocalOnly bool           `json:"local_only,omitempty"`
		SendAs    []memberRecord `json:"send_as,omitempty"`
		Copies    []copyRecord   `json:"copies,omitempty"`
	}
	// signingRecord is the keys by which a domain's mail is signed, and whether the box
	// does that at all, in place of what was before.
	signingRecord struct {
		Domain   domain.Name `json:"domain"`
		Keys     []byte      `json:"keys,omitempty"` // dkim.Keys.Encode, sealed by auth.Key.Seal
		Provider bool        `json:"provider,omitempty"`
	}
	// contentRecord is all rules on what is in a domain's mail, in place of those of
	// before.
	contentRecord struct {
		Domain domain.Name         `json:"domain"`
		Rules  []contentRuleRecord `json:"rules,omitempty"`
	}
	contentRuleRecord struct {
		Name     string   `json:"name"`
		In       bool     `json:"in,omitempty"`
		Out      bool     `json:"out,omitempty"`
		Internal bool     `json:"internal,omitempty"`
		Text     bool     `json:"text,omitempty"`
		Header   bool     `json:"header,omitempty"`
		Names    bool     `json:"names,omitempty"`
		Ready    []string `json:"ready,omitempty"`
		Pattern  string   `json:"pattern,omitempty"`
		Words    []string `json:"words,omitempty"`
		Least    int      `json:"least,omitempty"`
		Action   string   `json:"action"` // hold, redact, refuse
		// Unreadable is hold or pass; "", as records of before have it, is pass.
		Unreadable string `json:"unreadable,omitempty"`
	}
	// spareRecord makes this box a spare server of a domain, or ends that; without a
	// domain it says which servers are the office's own spare ones.
	spareRecord struct {
		Domain     domain.Name    `json:"domain,omitempty"`
		Recipients []string       `json:"recipients,omitempty"` // none: all
		Gone       bool           `json:"gone,omitempty"`
		Servers    []netip.Prefix `json:"servers,omitempty"`
	}
	// blockListsRecord is all lists of bad senders that are asked, and about whom not, in
	// place of what held before.
	blockListsRecord struct {
		Lists []blockListRecord `json:"lists,omitempty"`
		Allow []netip.Prefix    `json:"allow,omitempty"`
	}
	blockListRecord struct {
		Zone   domain.Name `json:"zone"`
		Refuse bool        `json:"refuse,omitempty"`
	}
	// admissionRecord is whom the box lets in, in place of what held before.
	admissionRecord struct {
		Office []netip.Prefix `json:"office,omitempty"`
		Doors  []doorRecord   `json:"doors,omitempty"`
		Paths  bool           `json:"paths,omitempty"`
	}
	doorRecord struct {
		Service  mail.Service   `json:"service"`
		Networks []netip.Prefix `json:"networks"`
	}
	// reportingRecord is which daily reports a domain (none: all that have no setting of
	// their own) does not get, in place of what held before.
	reportingRecord struct {
		Domain  domain.Name `json:"domain,omitempty"`
		NoDMARC bool        `json:"no_dmarc,omitempty"`
		NoTLS   bool        `json:"no_tls,omitempty"`
	}
	// sizeRecord is the largest message of an account, or of a domain's; 0: no bound.
	sizeRecord struct {
		ID     mail.AccountID `json:"id,omitempty"`
		Domain domain.Name    `json:"domain,omitempty"`
		Bytes  int64          `json:"bytes,omitempty"`
	}
	// traceRecord is what the Received fields of the office's own mail say.
	traceRecord struct {
		HideClients bool `json:"hide_clients,omitempty"`
	}
	// accessRecord is from where an account's password is taken, in place of what held
	// before; nothing in it: from everywhere.
	accessRecord struct {
		ID       mail.AccountID `json:"id"`
		Office   bool           `json:"office,omitempty"`
		Networks []netip.Prefix `json:"networks,omitempty"`
	}
	// leaveRecord is how long mail that was fetched by POP3 stays in INBOX; without
	// days: until somebody deletes it.
	leaveRecord struct {
		ID   mail.AccountID `json:"id"`
		Days *int           `json:"days,omitempty"`
	}
	// factorRecord is the second factor, in place of what held before; none: it ends.
	factorRecord struct {
		ID     mail.AccountID `json:"id"`
		Secret []byte         `json:"secret,omitempty"` // sealed
	}
	// appPasswordRecord is a password for one mail program, or the end of one; without a
	// number, of all that the account has.
	appPasswordRecord struct {
		ID       mail.AccountID     `json:"id"`
		Number   mail.ProgramNumber `json:"number,omitempty"`
		Hash     []byte             `json:"hash,omitempty"` // auth.Key.AppPasswordHash
		Name     string             `json:"name,omitempty"`
		Services []mail.Service     `json:"services,omitempty"` // none: all
		Added    time.Time          `json:"added,omitzero"`
		Gone     bool               `json:"gone,omitempty"`
	}
	// programsRecord says whether mail programs need an app password.
	programsRecord struct {
		ID   mail.AccountID `json:"id"`
		Only bool           `json:"only,omitempty"`
	}
	// passkeyRecord is a passkey, in place of what it was before, or the end of one; without
	// a credential, of all that the account has.
	passkeyRecord struct {
		ID         mail.AccountID `json:"id"`
		Credential []byte         `json:"passkey,omitempty"`
		Key        []byte         `json:"key,omitempty"` // public, sealed
		Count      uint32         `json:"count,omitempty"`
		Host       string         `json:"host,omitempty"`
		Name       string         `json:"name,omitempty"`
		Added      time.Time      `json:"added,omitzero"`
		Gone       bool           `json:"gone,omitempty"`
	}
	// apopRecord is the secret for APOP, in place of what held before; none: it ends.
	apopRecord struct {
		ID     mail.AccountID `json:"id"`
		Secret []byte         `json:"secret,omitempty"` // sealed by auth.Key.Seal
	}
	// certificateRecord is one by which programs log in to an account, or the end of that.
	certificateRecord struct {
		ID     mail.AccountID `json:"id"`
		SHA256 []byte         `json:"sha256"`
		Name   string         `json:"name,omitempty"`
		Added  time.Time      `json:"added,omitzero"`
		Gone   bool           `json:"gone,omitempty"`
	}
	// loginDelayRecord is the least time between two log-ins by POP3, 0 for none.
	loginDelayRecord struct {
		ID      mail.AccountID `json:"id"`
		Seconds int            `json:"seconds,omitempty"`
	}
	// sharesRecord is what the named ones may do with a mailbox, each in place of what
	// held for him before; who is not named keeps what he has.
	sharesRecord struct {
		Owner   mail.AccountID `json:"owner"`
		Mailbox mail.MailboxID `json:"mailbox"`
		Grants  []grantRecord  `json:"grants,omitempty"`
		// Gone says that the mailbox is gone for good, and all grants with it; without an
		// owner, that all grants on the box end.
		Gone bool `json:"gone,omitempty"`
	}
	// grantRecord is one's: of an account by its number, or of every account.
	grantRecord struct {
		To     mail.AccountID `json:"to,omitempty"`     // none: anyone
		Rights string         `json:"rights,omitempty"` // letters (RFC 4314 §2.1); none: it ends
	}
	// limitsRecord is what an account (0: everybody who has no bounds of their own)
	// may send in a day, in place of what held before; nothing in it: none is set.
	limitsRecord struct {
		ID         mail.AccountID `json:"id,omitempty"`
		Messages   int            `json:"messages,omitempty"`
		Recipients int            `json:"recipients,omitempty"`
	}
	// routeRecord is which way mail to a domain (none: all that has no other) goes, and
	// when it is tried, in place of what held before; or when mail leaves at all.
	routeRecord struct {
		Domain   domain.Name     `json:"domain,omitempty"`
		Below    bool            `json:"below,omitempty"`
		Way      string          `json:"way,omitempty"` // direct, smarthost; none: as all others
		Host     string          `json:"host,omitempty"`
		Port     uint16          `json:"port,omitempty"`
		TLS      string          `json:"tls,omitempty"` // starttls, implicit, none
		Pin      []byte          `json:"pin,omitempty"` // SHA-256 of the server's public key
		User     string          `json:"user,omitempty"`
		Password []byte          `json:"password,omitempty"` // sealed
		FallBack bool            `json:"fall_back,omitempty"`
		Pauses   []time.Duration `json:"pauses,omitempty"`
		Then     time.Duration   `json:"then,omitempty"`
		Delay    time.Duration   `json:"delay,omitempty"`
		GiveUp   time.Duration   `json:"give_up,omitempty"`
		Gone     bool            `json:"gone,omitempty"`
		Window   bool            `json:"window,omitempty"` // the record has Periods, or Gone, and nothing else
		Periods  []periodRecord  `json:"periods,omitempty"`
	}
	periodRecord struct {
		Days [7]bool `json:"days"` // from Sunday
		From int     `json:"from"` // minutes
		To   int     `json:"to"`
	}
	// memberRecord is an account by its number, so that it stays the same person
	// whoever has the address later; or any other address.
	memberRecord struct {
		Account mail.AccountID `json:"account,omitempty"`
		Local   string         `json:"local,omitempty"`
		Domain  domain.Name    `json:"domain,omitempty"`
	}
	copyRecord struct {
		To  memberRecord `json:"to"`
		In  bool         `json:"in,omitempty"`
		Out bool         `json:"out,omitempty"`
	}
	tokenRecord struct {
		Hash    []byte         `json:"hash"`
		Owner   mail.AccountID `json:"owner"`
		Name    string         `json:"name"`
		Created time.Time      `json:"created"`
		Scopes  []string       `json:"scopes,omitempty"` // none: all that its owner may
	}
	removeTokenRecord struct {
		Hash []byte `json:"hash"`
	}

	boxRecord struct {
		Hostname            domain.Name        `json:"hostname"`
		Domains             []domain.Name      `json:"domains"`
		Timezone            string             `json:"timezone"`
		Network             networkRecord      `json:"network"`
		Outbound            outboundRecord     `json:"outbound"`
		Collect             []collectionRecord `json:"collect,omitempty"`
		TrustedNetworks     []netip.Prefix     `json:"trusted_networks,omitempty"`
		SubmissionExtraPort uint16             `json:"submission_extra_port,omitempty"`
		SetUp               time.Time          `json:"set_up"`
	}
	networkRecord struct {
		Mode    string       `json:"mode"`
		Address netip.Prefix `json:"address,omitzero"`
		Gateway netip.Addr   `json:"gateway,omitzero"`
		DNS     []netip.Addr `json:"dns,omitempty"`
	}
	outboundRecord struct {
		Mode string `json:"mode"`
		Host string `json:"host,omitempty"`
		Port uint16 `json:"port,omitempty"`
		TLS  string `json:"tls,omitempty"`
		User string `json:"user,omitempty"`
		// Password is sealed by auth.Key.Seal.
		Password []byte `json:"password,omitempty"`
	}
	collectionRecord struct {
		Protocol string        `json:"protocol"`
		Host     string        `json:"host"`
		Port     uint16        `json:"port"`
		TLS      string        `json:"tls"`
		User     string        `json:"user"`
		Password []byte        `json:"password"` // sealed
		Every    time.Duration `json:"every"`
		Local    string        `json:"into_local,omitempty"` // with Domain: an address
		Domain   domain.Name   `json:"into_domain"`
		// Leave is missing where nobody has said how long; below zero: for ever.
		Leave   *time.Duration `json:"leave,omitempty"`
		Folders []string       `json:"folders,omitempty"`
		Fields  []string       `json:"fields,omitempty"`
		ToCc    bool           `json:"to_cc,omitempty"`
		Keeper  *memberRecord  `json:"keeper,omitempty"` // an address
		Believe string         `json:"believe,omitempty"`
		Paused  bool           `json:"paused,omitempty"`
	}
	// removeCollectionRecord names a mailbox at a provider, as a collectionRecord does.
	removeCollectionRecord struct {
		Protocol string `json:"protocol"`
		Host     string `json:"host"`
		User     string `json:"user"`
	}
)

// encodeRecord makes a payload.
func encodeRecord(record any) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, fmt.Errorf("directory: encode record: %w", err)
	}
	return append([]byte{recordVersion}, text...), nil
}

// decodeRecord reads a payload of the kind into the type that goes with it.
func decodeRecord(k kind, payload []byte) (any, error) {
	if len(payload) == 0 {
		return nil, fmt.Errorf("directory: record of kind %d is empty", k)
	}
	if payload[0] != recordVersion {
		return nil, fmt.Errorf("directory: record of kind %d, version %d: %w", k, payload[0], ErrNewer)
	}
	switch text := payload[1:]; k {
	case kindSetUp:
		return decodeAs[setUpRecord](text)
	case kindAddAccount:
		return decodeAs[accountRecord](text)
	case kindChangeAccount:
		return decodeAs[changeRecord](text)
	case kindRemoveAccount:
		return decodeAs[removeRecord](text)
	case kindAddToken:
		return decodeAs[tokenRecord](text)
	case kindRemoveToken:
		return decodeAs[removeTokenRecord](text)
	case kindRestore:
		return decodeAs[restoreRecord](text)
	case kindForget:
		return decodeAs[forgetRecord](text)
	case kindSetDomain:
		return decodeAs[domainRecord](text)
	case kindRemoveDomain:
		return decodeAs[removeDomainRecord](text)
	case kindSetListing:
		return decodeAs[listingRecord](text)
	case kindRemoveListing:
		return decodeAs[removeListingRecord](text)
	case kindSetRules:
		return decodeAs[rulesRecord](text)
	case kindSetSigning:
		return decodeAs[signingRecord](text)
	case kindSetContent:
		return decodeAs[contentRecord](text)
	case kindSetSpare:
		return decodeAs[spareRecord](text)
	case kindSetLimits:
		return decodeAs[limitsRecord](text)
	case kindSetRoute:
		return decodeAs[routeRecord](text)
	case kindSetCollection:
		return decodeAs[collectionRecord](text)
	case kindRemoveCollection:
		return decodeAs[removeCollectionRecord](text)
	case kindSetBlockLists:
		return decodeAs[blockListsRecord](text)
	case kindSetReporting:
		return decodeAs[reportingRecord](text)
	case kindSetSize:
		return decodeAs[sizeRecord](text)
	case kindSetTrace:
		return decodeAs[traceRecord](text)
	case kindSetAccess:
		return decodeAs[accessRecord](text)
	case kindSetLeave:
		return decodeAs[leaveRecord](text)
	case kindSetFactor:
		return decodeAs[factorRecord](text)
	case kindSetAppPassword:
		return decodeAs[appPasswordRecord](text)
	case kindSetPrograms:
		return decodeAs[programsRecord](text)
	case kindSetPasskey:
		return decodeAs[passkeyRecord](text)
	case kindSetRole:
		return decodeAs[roleRecord](text)
	case kindSetAPOP:
		return decodeAs[apopRecord](text)
	case kindSetCertificate:
		return decodeAs[certificateRecord](text)
	case kindSetShares:
		return decodeAs[sharesRecord](text)
	case kindSetLoginDelay:
		return decodeAs[loginDelayRecord](text)
	case kindSetAdmission:
		return decodeAs[admissionRecord](text)
	}
	return nil, fmt.Errorf("directory: record of kind %d: %w", k, ErrNewer)
}

func decodeAs[T any](text []byte) (any, error) {
	var record T
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, fmt.Errorf("directory: decode record: %w", err)
	}
	return record, nil
}

func (r *accountRecord) address() mail.Address {
	return mail.Address{Local: r.Local, Domain: string(r.Domain)}
}
