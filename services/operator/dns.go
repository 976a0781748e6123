package operator

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/sanduk-mail/sanduk/services/zone"
)

// wireRecord is a record of DNS as the API shows it.
type wireRecord struct {
	About string   `json:"about"`
	Need  string   `json:"need"`
	Name  string   `json:"name"`
	Type  string   `json:"type"`
	Value string   `json:"value"`
	State string   `json:"state"`
	Found []string `json:"found"`
	ToDo  string   `json:"what_to_do"`
}

// wireRecords is what the box says of its records.
type wireRecords struct {
	OK      bool         `json:"ok"`
	Records []wireRecord `json:"records"`
	Notes   []string     `json:"notes"`
}

// dnsRecords asks the box for its records.
func (t *task) dnsRecords(ctx context.Context, path string) (wireRecords, error) {
	var answer wireRecords
	err := t.onBox(func(b *box) error { return b.do(ctx, http.MethodGet, path, nil, &answer) })
	return answer, err
}

// onBox does something with a running box: only that knows its keys and asks DNS from
// where the office is.
func (t *task) onBox(do func(b *box) error) error {
	if t.flags.box == "" {
		return fmt.Errorf("%w: --box is missing: only a running box can do this", errUsage)
	}
	b, err := t.openBox()
	if err != nil {
		return err
	}
	defer func() { _ = b.close() }() // nothing is left to be done
	return do(b)
}

// dnsList shows the records and how they stand.
func dnsList(ctx context.Context, t *task) error {
	answer, err := t.dnsRecords(ctx, "/api/dns")
	if err != nil {
		return err
	}
	shown, unknown := 0, 0
	for _, r := range answer.Records {
		if len(t.args) > 0 && !below(r.Name, t.args[0]) {
			continue
		}
		shown++
		if r.State == "unknown" {
			unknown++
		}
		t.say("%-7s  %s %s", strings.ToUpper(r.State), r.Name, r.Type)
		t.say("         %s", r.About)
		if r.State != "ok" && r.Value != "" {
			t.say("         should be: %s", r.Value)
		}
		for _, f := range r.Found {
			t.say("         is:        %s", f)
		}
		if r.ToDo != "" {
			t.say("       → %s", r.ToDo)
		}
	}
	for _, note := range answer.Notes {
		t.say("note:    %s", note)
	}
	switch {
	case shown == 0:
		return errors.New("the office publishes nothing for this domain: boxctl domain list shows its domains")
	case unknown == shown:
		t.say("DNS could not be asked, so nobody knows how this stands there. boxctl dns file writes the records for a zone file.")
	case answer.OK:
		t.say("All that is needed is there.")
	default:
		t.say("Not all that is needed is there. boxctl dns file writes the records for a zone file.")
	}
	return nil
}

// below reports whether a name is a domain's, or one below it.
func below(name, domain string) bool {
	domain = strings.TrimSuffix(strings.ToLower(domain), ".")
	return name == domain || strings.HasSuffix(name, "."+domain)
}

// dnsFile writes the records as a fragment of a zone file.
func dnsFile(ctx context.Context, t *task) error {
	answer, err := t.dnsRecords(ctx, "/api/dns?look=no")
	if err != nil {
		return err
	}
	records := make([]zone.Record, len(answer.Records))
	for i, r := range answer.Records {
		records[i] = zone.Record{About: r.About, Need: zone.Need(r.Need), Name: r.Name, Type: r.Type, Value: r.Value}
	}
	return zone.WriteFile(t.Out, records, answer.Notes)
}

// dnsNewKeys makes a domain's next keys.
func dnsNewKeys(ctx context.Context, t *task) error {
	if err := t.keys(ctx, "prepare"); err != nil {
		return err
	}
	t.say("There are new keys. boxctl dns list %s shows their records: publish them. The box signs with the new keys when it sees them in DNS.", t.args[0])
	return nil
}

// dnsUseKeys takes them up.
func dnsUseKeys(ctx context.Context, t *task) error {
	if err := t.keys(ctx, "use"); err != nil {
		return err
	}
	t.say("The box signs with the new keys. Leave the records of the old ones where they are for 30 days: mail on its way is signed with them. boxctl dns list says when they can go.")
	return nil
}

func (t *task) keys(ctx context.Context, do string) error {
	return t.onBox(func(b *box) error {
		return b.do(ctx, http.MethodPost, "/api/dns/keys/"+url.PathEscape(t.args[0]), map[string]string{"do": do}, nil)
	})
}
