package directory

import (
	"encoding/json"
	"fmt"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// secret stands in for what must not be shown: verifiers and sealed passwords,
// which are worth an attack to whoever has the box's key too.
const secret = "(not shown)"

// Described is a record of family Directory in words.
type Described struct {
	Verb string `json:"verb"`
	// Content is the payload, without secrets; empty where the record is of a
	// version that nobody here knows the secrets of.
	Content json.RawMessage `json:"content,omitempty"`
	// Accounts are those that the record tells of, with their main addresses.
	Accounts map[mail.AccountID]mail.Address `json:"-"`
}

// Describe says what a record does. It is for people who look for what happened;
// the words are not a format. The error says that the record is damaged, or of a
// later version.
func Describe(r journal.Record) (Described, error) {
	k := kind(r.Type)
	d := Described{Verb: k.String(), Accounts: map[mail.AccountID]mail.Address{}}
	record, err := decodeRecord(k, r.Payload)
	if err != nil {
		return d, err
	}
	switch record := record.(type) {
	case setUpRecord:
		for _, a := range record.Accounts {
			d.Accounts[a.ID] = a.address()
		}
	case accountRecord:
		d.Accounts[record.ID] = record.address()
	case restoreRecord:
		if record.Domain != "" { // it came back under another address
			d.Accounts[record.ID] = (&accountRecord{Local: record.Local, Domain: record.Domain}).address()
		}
	}
	var content any
	if err := json.Unmarshal(r.Payload[1:], &content); err != nil {
		return d, fmt.Errorf("directory: describe record: %w", err)
	}
	hide(content)
	d.Content, err = json.Marshal(content)
	return d, err
}

// hide takes the secrets out, wherever they stand.
func hide(content any) {
	switch c := content.(type) {
	case map[string]any:
		for key, value := range c {
			switch key {
			case "credential", "password", "hash", "keys", "key", "passkey", "secret", "apop", "factor":
				c[key] = secret
			default:
				hide(value)
			}
		}
	case []any:
		for _, value := range c {
			hide(value)
		}
	}
}

// String is the kind's name.
func (k kind) String() string {
	names := map[kind]string{
		kindSetUp: "set up", kindAddAccount: "add account", kindChangeAccount: "change account", kindRemoveAccount: "remove account",
		kindSetRole: "set role", kindAddToken: "add token", kindRemoveToken: "remove token", kindRestore: "restore account", kindForget: "forget accounts",
		kindSetDomain: "set domain", kindRemoveDomain: "remove domain", kindSetListing: "set address", kindRemoveListing: "remove address", kindSetRules: "set rules",
		kindSetSigning: "set signing", kindSetContent: "set content rules", kindSetSpare: "set spare server", kindSetLimits: "set limits", kindSetRoute: "set route",
		kindSetCollection: "set collection", kindRemoveCollection: "remove collection", kindSetBlockLists: "set block lists", kindSetAdmission: "set admission", kindSetReporting: "set reporting", kindSetSize: "set largest message", kindSetTrace: "set trace", kindSetAccess: "set access",
		kindSetLeave: "set POP3 leave", kindSetAPOP: "set APOP secret", kindSetFactor: "set second factor", kindSetAppPassword: "set app password", kindSetPrograms: "set what mail programs need", kindSetPasskey: "set passkey", kindSetCertificate: "set certificate", kindSetLoginDelay: "set POP3 log-in delay", kindSetShares: "set shares",
	}
	if name, ok := names[k]; ok {
		return name
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// String is all of it on one line.
func (d Described) String() string {
	if len(d.Content) == 0 {
		return d.Verb
	}
	return d.Verb + " " + string(d.Content)
}
