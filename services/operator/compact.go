package operator

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/sanduk-mail/sanduk/services/journal"
	"github.com/sanduk-mail/sanduk/services/store"
)

// compact does at once what a running box does bit by bit in the background.
func compact(ctx context.Context, t *task) error {
	return t.atData(ctx, func(d *data) error {
		// Its bodies live as long as somebody waits for them.
		q, err := d.openQueue(ctx)
		if err != nil {
			return err
		}
		upkeep := store.NewUpkeep(d.store, store.UpkeepOptions{Owners: []journal.Owner{q}, Logger: slog.New(slog.DiscardHandler), Flat: true})
		done, err := upkeep.Compact(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(t.Out, "space:     %s given back, from %s of the log; the log's finished files take up %s\n",
			size(done.Freed), counted(done.Rewritten, "file", "files"), size(done.Bytes))
		if done.Freed == 0 {
			fmt.Fprintf(t.Out, "What was deleted stays for %d days, so that it can be put back. There is nothing older\n", int(d.store.Retention().Hours()/24))
		}
		return nil
	})
}
