package console

import (
	"context"
	"fmt"
)

// Target is a disk that the box can be installed on.
type Target struct {
	Device string // the kernel's name
	Name   string // model, size and serial number, for the person
	Holds  bool   // there is a box's mail on it
}

// install is the dialogue behind F8, on a box that was started from a stick.
func (d *Desk) install(ctx context.Context) error {
	targets, err := d.Box.Targets(ctx)
	if err != nil {
		return err
	}
	if len(targets) == 0 {
		return &Refusal{Text: "There is no disk in this machine that the box could be installed on. It needs one that does not hang on USB, of 2 GB or more."}
	}
	targets = targets[:min(len(targets), 9)] // as many as there are digits
	p := Panel{Title: "Install onto a disk of this machine", Text: []string{"The box then starts from that disk, without the stick."}}
	for _, t := range targets {
		mail := ""
		if t.Holds {
			mail = " (with mail)"
		}
		p.Choices = append(p.Choices, t.Name+mail)
	}
	choice, err := d.choose(ctx, p)
	if err != nil {
		return err
	}
	target, keep := targets[choice], false
	if target.Holds {
		choice, err := d.choose(ctx, Panel{
			Title: "There is a box's mail on this disk", Text: []string{target.Name},
			Choices: []string{"Keep the mail, and install this version anew", "Erase it"},
		})
		if err != nil {
			return err
		}
		keep = choice == 0
	}
	page, word := Panel{Title: "Install onto " + target.Name, Text: []string{"Everything on this disk is erased, for good."}}, "erase"
	if keep {
		page.Text, word = []string{"Mail, people and settings on it stay. The program of the box on it is replaced."}, "install"
	}
	if err := d.word(ctx, page, word); err != nil {
		return err
	}
	doing := Panel{Title: "Installing", Text: []string{"This takes some minutes. Leave the stick in.", "Beginning"}, Foot: "Please wait"}
	err = d.work(ctx, doing, func(ctx context.Context) error {
		last := -1
		return d.Box.Install(ctx, target, keep, func(percent int) {
			if percent /= progressStep; percent == last {
				return
			}
			last = percent
			shown := doing
			shown.Text = []string{doing.Text[0], fmt.Sprintf("%d %%", percent*progressStep)}
			d.Show(View{Panel: &shown})
		})
	})
	if err != nil {
		return err
	}
	return d.tell(ctx, Panel{Title: "The box is installed", Text: []string{
		"It was read back and is whole. Press Enter, switch off with F3, pull the stick out, and switch on again.",
	}})
}

// progressStep is by how many percent progress is told: a serial line gets a page each
// time.
const progressStep = 10
