package office

import (
	"context"
	"errors"
	"os"
	"time"
)

// Errands are what whoever stands at the machine wants of the office: the machine knows
// neither people nor mail.
type Errands interface {
	// Next waits for one; ErrandNone when there was none for a while.
	Next(ctx context.Context) (Errand, error)
	// Done tells the machine how it went.
	Done(ctx context.Context, id uint64, r ErrandResult) error
}

// Errand is something to do.
type Errand struct {
	ID   uint64
	Kind ErrandKind
}

// ErrandKind is what is to be done.
type ErrandKind string

// The kinds.
const (
	ErrandNone    ErrandKind = ""
	ErrandSupport ErrandKind = "support" // write a support bundle to SupportFile
	ErrandCode    ErrandKind = "code"    // make a code for a new administrator's password
)

// SupportFile is where a support bundle for the machine stands, below the data directory.
const SupportFile = "private/support.zip"

// ErrandResult is how it went.
type ErrandResult struct {
	Problem string // in a sentence; "": it is done
	// Of ErrandCode: the code, for whom it can be used, and how long.
	Code           string
	Administrators []string
	Valid          time.Duration
}

// errandPause is waited when the machine can't be asked.
const errandPause = 5 * time.Second

// runErrands does what the machine asks for, until ctx ends.
func (o *Office) runErrands(ctx context.Context) {
	for ctx.Err() == nil {
		e, err := o.options.Errands.Next(ctx)
		if err == nil && e.Kind != ErrandNone {
			err = o.options.Errands.Done(ctx, e.ID, o.runErrand(ctx, e.Kind))
		}
		if err == nil || ctx.Err() != nil {
			continue
		}
		o.log.Warn("the machine's errands can't be heard of", "err", err)
		select {
		case <-ctx.Done():
		case <-time.After(errandPause):
		}
	}
}

func (o *Office) runErrand(ctx context.Context, kind ErrandKind) ErrandResult {
	switch kind {
	case ErrandSupport:
		if err := o.supportForMachine(ctx); err != nil {
			o.log.Error("no support bundle for the console", "err", err)
			return ErrandResult{Problem: "The mail service could not write the bundle."}
		}
		return ErrandResult{}
	case ErrandCode:
		return o.wayBack.mint(ctx)
	}
	o.log.Error("the machine asks for what the office can't do", "kind", string(kind))
	return ErrandResult{Problem: "The mail service does not know how to do that."}
}

// supportForMachine writes SupportFile. A crash costs nothing but asking again, so
// nothing of it is synced.
func (o *Office) supportForMachine(ctx context.Context) error {
	f, err := o.files.OpenFile(SupportFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(monitors{o}.WriteSupport(ctx, f), f.Close())
}
