package main

import (
	"context"

	"github.com/sanduk-mail/sanduk/platform/control"
	"github.com/sanduk-mail/sanduk/services/office"
)

// errands are what PID 1 wants of the office.
type errands struct{ pid1 *control.Client }

// errands returns them, nil on a developer's machine. Their connection is one of its
// own: most of the time it waits.
func (m *machine) errands() office.Errands {
	if m.pid1 == nil {
		return nil
	}
	return errands{control.NewClient(control.SocketPath)}
}

// Next asks PID 1, which answers when there is something to do.
func (e errands) Next(ctx context.Context) (office.Errand, error) {
	next, err := e.pid1.Errand(ctx)
	return office.Errand{ID: next.ID, Kind: office.ErrandKind(next.Kind)}, err
}

// Done tells PID 1.
func (e errands) Done(ctx context.Context, id uint64, r office.ErrandResult) error {
	return e.pid1.ErrandDone(ctx, control.ErrandResult{
		ID: id, Problem: r.Problem, Code: r.Code, Administrators: r.Administrators, Minutes: int(r.Valid.Minutes()),
	})
}
