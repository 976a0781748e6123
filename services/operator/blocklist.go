package operator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// blockLists are the lists of bad senders as the API has them.
type blockLists struct {
	Lists []blockList `json:"lists"`
	Allow []string    `json:"allow"`
}

type blockList struct {
	Zone    string `json:"zone"`
	Action  string `json:"action"`
	Trouble string `json:"trouble,omitempty"`
}

// changeLists changes the box's lists.
func (t *task) changeLists(ctx context.Context, change func(*blockLists) error) error {
	return t.onBox(func(b *box) error {
		var all blockLists
		if err := b.do(ctx, http.MethodGet, "/api/blocklists", nil, &all); err != nil {
			return err
		}
		for i := range all.Lists {
			all.Lists[i].Trouble = ""
		}
		if err := change(&all); err != nil {
			return err
		}
		return b.do(ctx, http.MethodPut, "/api/blocklists", all, nil)
	})
}

func blockListList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var all blockLists
		if err := b.do(ctx, http.MethodGet, "/api/blocklists", nil, &all); err != nil {
			return err
		}
		for _, l := range all.Lists {
			what := "what servers on it bring goes to the junk mailbox"
			if l.Action == "refuse" {
				what = "servers on it are refused"
			}
			t.say("%s: %s", l.Zone, what)
			if l.Trouble != "" {
				t.say("  it can't be asked now, and mail is taken without it: %s", l.Trouble)
			}
		}
		if len(all.Lists) == 0 {
			t.say("No block list is asked. boxctl blocklist test says whether one works, boxctl blocklist set has it asked")
		}
		if len(all.Allow) > 0 {
			t.say("Taken whatever the lists say: %s", strings.Join(all.Allow, ", "))
		}
		return nil
	})
}

func blockListSet(ctx context.Context, t *task) error {
	zone, action := strings.ToLower(t.args[0]), t.args[1]
	if action != "refuse" && action != "junk" {
		return fmt.Errorf("%w: say refuse or junk behind the list", errUsage)
	}
	err := t.changeLists(ctx, func(all *blockLists) error {
		all.Lists = slices.DeleteFunc(all.Lists, func(l blockList) bool { return l.Zone == zone })
		all.Lists = append(all.Lists, blockList{Zone: zone, Action: action})
		return nil
	})
	if err == nil {
		t.say("%s is asked about each server that connects from now on. boxctl blocklist test %s says whether it answers", zone, zone)
	}
	return err
}

func blockListRemove(ctx context.Context, t *task) error {
	zone := strings.ToLower(t.args[0])
	err := t.changeLists(ctx, func(all *blockLists) error {
		n := len(all.Lists)
		all.Lists = slices.DeleteFunc(all.Lists, func(l blockList) bool { return l.Zone == zone })
		if len(all.Lists) == n {
			return fmt.Errorf("%s is not asked: boxctl blocklist list shows those that are", zone)
		}
		return nil
	})
	if err == nil {
		t.say("%s is not asked any more", zone)
	}
	return err
}

func blockListAllow(ctx context.Context, t *task) error {
	err := t.changeLists(ctx, func(all *blockLists) error {
		all.Allow = words(t.args[0])
		return nil
	})
	if err == nil {
		if len(words(t.args[0])) == 0 {
			t.say("The lists are asked about all servers")
			return nil
		}
		t.say("Taken whatever the lists say: %s", shown(strings.Join(words(t.args[0]), ", ")))
	}
	return err
}

func blockListTest(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Works   bool   `json:"works"`
			Trouble string `json:"trouble"`
		}
		if err := b.do(ctx, http.MethodPost, "/api/blocklists/test", map[string]string{"zone": t.args[0]}, &answer); err != nil {
			return err
		}
		if !answer.Works {
			return fmt.Errorf("%s does not work: %s", t.args[0], answer.Trouble)
		}
		t.say("%s works: it lists the address for tests, and not the one that no list may have", t.args[0])
		return nil
	})
}

// reporting is which daily reports a domain gets.
type reporting struct {
	Domain string `json:"domain"`
	DMARC  bool   `json:"dmarc"`
	TLS    bool   `json:"tls"`
}

func (r reporting) String() string {
	who := r.Domain
	if who == "" {
		who = "all domains without a setting of their own"
	}
	switch {
	case r.DMARC && r.TLS:
		return who + ": both reports, where they are asked for"
	case r.DMARC:
		return who + ": DMARC reports only"
	case r.TLS:
		return who + ": TLS reports only"
	}
	return who + ": no reports"
}

func reportsList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Reports []reporting `json:"reports"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/reports", nil, &answer); err != nil {
			return err
		}
		for _, r := range answer.Reports {
			t.say("%s", r)
		}
		return nil
	})
}

func reportsSet(ctx context.Context, t *task) error {
	r := reporting{Domain: strings.ToLower(t.args[0])}
	if r.Domain == "all" {
		r.Domain = ""
	}
	switch t.args[1] {
	case "both":
		r.DMARC, r.TLS = true, true
	case "dmarc":
		r.DMARC = true
	case "tls":
		r.TLS = true
	case "none":
	default:
		return fmt.Errorf("%w: say both, dmarc, tls or none behind the domain", errUsage)
	}
	return t.onBox(func(b *box) error {
		if err := b.do(ctx, http.MethodPut, "/api/reports", r, nil); err != nil {
			return err
		}
		t.say("%s", r)
		return nil
	})
}
