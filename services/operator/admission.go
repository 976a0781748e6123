package operator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// admission is whom the box lets in, as the API has it.
type admission struct {
	Office []string            `json:"office"`
	Doors  map[string][]string `json:"doors"`
	Paths  bool                `json:"paths"`
}

// everybody is the whole world.
func everybody() []string { return []string{"0.0.0.0/0", "::/0"} }

// changeAdmission changes whom the box lets in.
func (t *task) changeAdmission(ctx context.Context, change func(*admission) error) error {
	return t.onBox(func(b *box) error {
		var a admission
		if err := b.do(ctx, http.MethodGet, "/api/admission", nil, &a); err != nil {
			return err
		}
		if err := change(&a); err != nil {
			return err
		}
		return b.do(ctx, http.MethodPut, "/api/admission", a, nil)
	})
}

func admissionShow(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var a admission
		if err := b.do(ctx, http.MethodGet, "/api/admission", nil, &a); err != nil {
			return err
		}
		t.say("The office's own networks may use everything; other servers bring mail to port 25, from everywhere")
		if len(a.Office) > 0 {
			t.say("The office's too, elsewhere: %s", strings.Join(a.Office, ", "))
		}
		for _, service := range []string{"imap", "pop3", "submission"} {
			if from := a.Doors[service]; len(from) > 0 {
				t.say("%s can be used from %s", service, inWords(from))
			}
		}
		if a.Paths {
			t.say("The paths of the web server that are for the world are open; its pages are not")
		}
		return nil
	})
}

// inWords says where somebody may come from.
func inWords(from []string) string {
	if slices.Contains(from, "0.0.0.0/0") && slices.Contains(from, "::/0") {
		return "everywhere"
	}
	return strings.Join(from, ", ")
}

func admissionOffice(ctx context.Context, t *task) error {
	list := words(t.args[0])
	err := t.changeAdmission(ctx, func(a *admission) error {
		a.Office = list
		return nil
	})
	if err == nil {
		t.say("The office's networks elsewhere: %s", shown(strings.Join(list, ", ")))
	}
	return err
}

func admissionDoor(ctx context.Context, t *task) error {
	service, from := strings.ToLower(t.args[0]), words(t.args[1])
	if strings.EqualFold(t.args[1], "everybody") {
		from = everybody()
	}
	err := t.changeAdmission(ctx, func(a *admission) error {
		if _, known := a.Doors[service]; !known {
			return fmt.Errorf("%w: the service is imap, pop3 or submission", errUsage)
		}
		a.Doors[service] = from
		return nil
	})
	switch {
	case err != nil:
	case len(from) == 0:
		t.say("%s can be used from the office's networks only", service)
	default:
		t.say("%s can be used from %s", service, inWords(from))
	}
	return err
}

func admissionPaths(ctx context.Context, t *task) error {
	on := t.args[0] == "on"
	if !on && t.args[0] != "off" {
		return fmt.Errorf("%w: say on or off", errUsage)
	}
	err := t.changeAdmission(ctx, func(a *admission) error {
		a.Paths = on
		return nil
	})
	switch {
	case err != nil:
	case on:
		t.say("The paths of the web server that are for the world are open; its pages are not")
	default:
		t.say("The web server is open to the office's networks only")
	}
	return err
}
