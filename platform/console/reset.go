package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// maxListed bounds the administrators that fit beside the square code.
const maxListed = 5

// reset is the dialogue behind F9.
func (d *Desk) reset(ctx context.Context) error {
	choice, err := d.choose(ctx, Panel{
		Title: "Reset",
		Choices: []string{
			"A new password for an administrator. Mail and settings stay.",
			"Factory reset: erase all mail, people and settings, and begin anew.",
		},
	})
	switch {
	case err != nil:
		return err
	case choice == 1:
		return d.eraseAll(ctx)
	}
	return d.newPassword(ctx)
}

// eraseAll is the factory reset.
func (d *Desk) eraseAll(ctx context.Context) error {
	err := d.word(ctx, Panel{
		Title: "Factory reset",
		Text: []string{
			"All mail, all people and all settings on this box are erased, for good. Only a backup brings them back. The box restarts, and can then be set up like a new one.",
		},
	}, "erase")
	if err != nil {
		return err
	}
	err = d.work(ctx, Panel{Title: "Factory reset", Text: []string{"The box is about to restart."}}, d.Box.FactoryReset)
	if err != nil {
		return err
	}
	return d.tell(ctx, Panel{Title: "Factory reset", Text: []string{"The box restarts and erases everything. Do not unplug it."}})
}

// newPassword shows a code for the box's page.
func (d *Desk) newPassword(ctx context.Context) error {
	err := d.word(ctx, Panel{
		Title: "A new password for an administrator",
		Text: []string{
			"This screen will show a code, with which the box's page sets the password. All administrators are told of it by letter.",
		},
	}, "code")
	if err != nil {
		return err
	}
	var c ResetCode
	err = d.work(ctx, Panel{Title: "The code is being made"}, func(ctx context.Context) (err error) {
		c, err = d.Box.ResetCode(ctx)
		return err
	})
	if err != nil {
		return err
	}
	return d.showCode(ctx, c)
}

// showCode leaves the code on the screen until the person leaves it or its time is over.
func (d *Desk) showCode(ctx context.Context, c ResetCode) error {
	admins := c.Administrators
	more := ""
	if len(admins) > maxListed {
		admins, more = admins[:maxListed], fmt.Sprintf(" and %d more", len(admins)-maxListed)
	}
	p := Panel{
		Title: "A new password for an administrator",
		Text: []string{
			"Open this on a computer in this network and type the code there:",
			"Good for " + strings.Join(admins, ", ") + more + ", once, for " + fmt.Sprint(int(c.Valid.Minutes())) + " minutes.",
		},
		Code: c.Code,
		Foot: "Enter: back (the code stays good)",
	}
	if url := d.Box.URL(); url != "" {
		p.Text[0] += " " + url + "/reset"
		p.QR = url + "/reset#" + c.Code
	}
	ctx, cancel := context.WithTimeout(ctx, c.Valid)
	defer cancel()
	d.Show(View{Panel: &p})
	for {
		e, err := d.next(ctx)
		switch {
		case errors.Is(err, errIdle): // the person is at a computer meanwhile
		case err != nil || e.Key == KeyEnter:
			return err
		}
	}
}
