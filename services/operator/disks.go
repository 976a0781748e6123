package operator

import (
	"cmp"
	"context"
	"net/http"
	"strings"
)

// seenDisk is a disk as the API has it. Numbers of its health are -1 where it doesn't tell.
type seenDisk struct {
	Device      string `json:"device"`
	Model       string `json:"model"`
	Serial      string `json:"serial"`
	Bytes       int64  `json:"bytes"`
	Own         bool   `json:"own"`
	Total, Free int64
	Health      *struct {
		Failing bool
		Worn    int
		Celsius int
	} `json:"health"`
	Findings []struct {
		What     string `json:"what"`
		WhatToDo string `json:"what_to_do"`
	} `json:"findings"`
}

// diskList says which disks the box sees, and how the one with the mail is.
func diskList(ctx context.Context, t *task) error {
	return t.onBox(func(b *box) error {
		var answer struct {
			Disks []seenDisk `json:"disks"`
		}
		if err := b.do(ctx, http.MethodGet, "/api/disks", nil, &answer); err != nil {
			return err
		}
		for _, d := range answer.Disks {
			d.write(t)
		}
		if len(answer.Disks) == 0 {
			t.say("The box sees no disk")
		}
		return nil
	})
}

// write prints a disk. What it is called comes from whoever made it.
func (d *seenDisk) write(t *task) {
	line := []string{shown(cmp.Or(d.Model, d.Device)), size(d.Bytes)}
	if d.Serial != "" {
		line = append(line, "serial number "+shown(d.Serial))
	}
	line = append(line, shown(d.Device))
	if d.Own {
		line = append(line, "the box's own")
	}
	t.say("%s", strings.Join(line, ", "))
	if !d.Own {
		return
	}
	if d.Total > 0 {
		t.say("  %s of %s are free", size(d.Free), size(d.Total))
	}
	switch {
	case d.Health == nil:
		t.say("  It doesn't say how it is")
	case len(d.Findings) == 0:
		t.say("  It is well")
	}
	if d.Health != nil && d.Health.Worn >= 0 {
		t.say("  %d %% of what it can be written is used", d.Health.Worn)
	}
	if d.Health != nil && d.Health.Celsius >= 0 {
		t.say("  It has %d °C", d.Health.Celsius)
	}
	for _, f := range d.Findings {
		t.say("  %s %s", shown(f.What), shown(f.WhatToDo))
	}
}
