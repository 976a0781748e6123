package console

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Network is what the console can set of the network; the rest stays as it is.
type Network struct {
	Static  bool   // else the network gives the address (DHCP)
	Address string // with the network's length: 192.168.1.20/24
	Gateway string
	DNS     []string
	VLAN    int // 0: none
}

// tickEvery is how often the time that is left is shown anew; a serial line gets a line
// each time.
const tickEvery = 10 * time.Second

// networkField is one question of the form.
type networkField struct {
	name  string // as a Refusal names it
	label string
	about string
	get   func(Network) string
	set   func(*Network, string) string // what was wrong with it
}

// networkFields are the questions, in order; only the last is asked where the network
// gives the address.
func networkFields() []networkField {
	return []networkField{
		{"address", "Address", "The box's own address, with the length of the network behind a slash: 192.168.1.20/24.",
			func(n Network) string { return n.Address }, func(n *Network, s string) string { n.Address = s; return "" }},
		{"gateway", "Router", "The router's address (gateway). Empty: the box stays within its network.",
			func(n Network) string { return n.Gateway }, func(n *Network, s string) string { n.Gateway = s; return "" }},
		{"dns", "DNS servers", "Up to three addresses with spaces between them; often the router's.",
			func(n Network) string { return strings.Join(n.DNS, " ") },
			func(n *Network, s string) string {
				n.DNS = strings.FieldsFunc(s, func(r rune) bool { return r == ' ' || r == ',' })
				return ""
			}},
		{"vlan", "VLAN", "The number of the VLAN on the cable. Empty: none, as nearly everywhere.",
			func(n Network) string {
				if n.VLAN == 0 {
					return ""
				}
				return strconv.Itoa(n.VLAN)
			},
			func(n *Network, s string) string {
				n.VLAN = 0
				if s == "" {
					return ""
				}
				v, err := strconv.Atoi(s)
				if err != nil {
					return "A VLAN is a number from 1 to 4094."
				}
				n.VLAN = v
				return ""
			}},
	}
}

// network is the dialogue behind F1.
func (d *Desk) network(ctx context.Context) error {
	n, err := d.Box.Network(ctx)
	if err != nil {
		return err
	}
	now := "Now: the network gives the address (DHCP)."
	if n.Static {
		now = "Now: fixed, " + n.Address + "."
	}
	if n.VLAN != 0 {
		now += fmt.Sprintf(" VLAN %d.", n.VLAN)
	}
	choice, err := d.choose(ctx, Panel{
		Title: "Network", Text: []string{now},
		Choices: []string{"The network gives the address (DHCP)", "A fixed address"},
	})
	if err != nil {
		return err
	}
	n.Static = choice == 1
	from := "address"
	if !n.Static {
		n.Address, n.Gateway, from = "", "", "vlan"
	}
	problem := ""
	for {
		if err := d.form(ctx, &n, from, problem); err != nil {
			return err
		}
		if err := d.sure(ctx, Panel{Title: "Try these settings?", Text: described(n)}, "use"); err != nil {
			return err
		}
		trial := time.Duration(0)
		err := d.work(ctx, Panel{Title: "The network is being set"}, func(ctx context.Context) (err error) {
			trial, err = d.Box.TryNetwork(ctx, n)
			return err
		})
		refused, ok := errors.AsType[*Refusal](err)
		if ok && refused.Field != "" {
			from, problem = refused.Field, refused.Text
			continue
		}
		if err != nil {
			return err
		}
		return d.keep(ctx, trial)
	}
}

// form asks for all fields beginning with the one called from.
func (d *Desk) form(ctx context.Context, n *Network, from, problem string) error {
	fields, begun := networkFields(), false
	for i := 0; i < len(fields); {
		f := fields[i]
		begun = begun || f.name == from
		if !begun || !n.Static && f.name != "vlan" && f.name != from {
			i++
			continue
		}
		typed, err := d.ask(ctx, Panel{Title: "Network", Text: []string{f.about}, Problem: problem, Field: f.label, Input: f.get(*n)})
		if err != nil {
			return err
		}
		if problem = f.set(n, typed); problem == "" {
			i++
		}
	}
	return nil
}

// described is settings for the person who is to say yes to them.
func described(n Network) []string {
	how := "The network gives the address (DHCP)."
	if n.Static {
		how = "Address " + n.Address + "; router " + orNone(n.Gateway) + "; DNS servers " + orNone(strings.Join(n.DNS, " ")) + "."
	}
	if n.VLAN != 0 {
		how += fmt.Sprintf(" VLAN %d.", n.VLAN)
	}
	return []string{how, "They are tried first: unless you then say that they work, those from before come back by themselves."}
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

// keep lets the person look whether the box can be reached, and keeps the settings when
// told so in time.
func (d *Desk) keep(ctx context.Context, trial time.Duration) error {
	until := time.Now().Add(trial)
	tick := time.NewTicker(tickEvery)
	defer tick.Stop()
	p := Panel{Title: "Does it work?", Foot: "Enter: keep them   Esc: leave, those from before come back"}
	if d.Words {
		p.Field = "Type the word \"keep\" and press Enter"
	}
	for {
		left := time.Until(until).Round(tickEvery)
		if left <= 0 {
			return d.tell(ctx, Panel{Title: "The settings from before are back", Text: []string{"Nobody said in time that the new ones work."}})
		}
		p.Text = []string{fmt.Sprintf("The new settings are in use. Open the box's page on a computer in the network. The settings from before come back in %d seconds.", int(left.Seconds()))}
		shown := p
		d.Show(View{Panel: &shown})
		select {
		case <-ctx.Done():
			return errLeft
		case <-tick.C:
			continue
		case e, ok := <-d.Events:
			switch {
			case !ok:
				return errGone
			case e.Key == KeyBack:
				return errLeft
			case e.Key == KeyErase && p.Input != "":
				p.Input = p.Input[:len(p.Input)-1]
			case e.Key == 0 && d.Words && len(p.Input) < maxInput:
				p.Input += string(e.Rune)
			case e.Key == KeyEnter && d.Words && !strings.EqualFold(strings.TrimSpace(p.Input), "keep"):
				p.Input, p.Problem = "", "That was another word."
			case e.Key == KeyEnter:
				if err := d.Box.KeepNetwork(ctx); err != nil {
					return err
				}
				return d.tell(ctx, Panel{Title: "The new settings stay"})
			}
		}
	}
}
