package operator

import (
	"context"
	"errors"
	"fmt"
)

// errFound says that check found something; the report has been printed.
var errFound = errors.New("the data directory is not as it should be. Keep a copy of it before anything else")

// check reads everything and reports.
func check(ctx context.Context, t *task) error {
	return t.atData(ctx, func(d *data) error {
		people, err := d.directory.Check(ctx)
		if err != nil {
			return err
		}
		post, err := d.store.Check(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "people:    %d accounts, %d removed, %d tokens\n", people.Accounts, people.Removed, people.Tokens)
		fmt.Fprintf(t.Out, "mail:      %d accounts, %d mailboxes, %d messages, %d bodies with %d bytes\n",
			post.Accounts, post.Mailboxes, post.Messages, post.Bodies, post.Bytes)
		for _, p := range people.Problems {
			fmt.Fprintf(t.Out, "problem:   %s\n", p)
		}
		for _, p := range post.Problems {
			fmt.Fprintf(t.Out, "problem:   %s\n", p)
		}
		if post.Omitted > 0 {
			fmt.Fprintf(t.Out, "problem:   and %d more\n", post.Omitted)
		}
		for _, p := range post.Damage {
			fmt.Fprintf(t.Out, "damage:    segment %08d has %d bytes at offset %d that are not what was written (record %d)\n", p.Segment, p.Length, p.Offset, p.LSN)
		}
		if len(people.Problems) > 0 || !post.OK() {
			return errFound
		}
		fmt.Fprintln(t.Out, "All is well")
		return nil
	})
}
