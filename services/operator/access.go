package operator

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
)

// access is from where one person can log in.
type access struct {
	Who      string         `json:"who"`
	Office   bool           `json:"office"`
	Networks []netip.Prefix `json:"networks,omitempty"`
}

// String says it for people.
func (a access) String() string {
	var from []string
	if a.Office {
		from = append(from, "the office's network")
	}
	for _, p := range a.Networks {
		from = append(from, p.String())
	}
	if len(from) == 0 {
		return a.Who + " can log in from everywhere"
	}
	return a.Who + " can log in only from " + strings.Join(from, ", ")
}

// accessList lists who can't log in from everywhere.
func accessList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Access []access `json:"access"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/access", nil, &answer); err != nil {
			return err
		}
		for _, a := range answer.Access {
			t.say("%s", a)
		}
		if len(answer.Access) == 0 {
			t.say("Everybody can log in from everywhere")
		}
		return nil
	})
}

// accessSet sets it.
func accessSet(ctx context.Context, t *task) error {
	a := access{Who: t.args[0]}
	if t.args[1] != "anywhere" {
		for text := range strings.SplitSeq(t.args[1], ",") {
			if text == "office" {
				a.Office = true
				continue
			}
			network, err := netip.ParsePrefix(text)
			if err != nil {
				return fmt.Errorf("%w: say anywhere, office, or networks such as 192.0.2.0/24,2001:db8::/64", errUsage)
			}
			a.Networks = append(a.Networks, network)
		}
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/access", a, nil); err != nil {
			return err
		}
		t.say("%s", a)
		return nil
	})
}
