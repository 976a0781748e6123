package office

import (
	"context"
	"io"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/transfer"
)

// archives moves accounts in and out while everybody works.
type archives struct{ o *Office }

// Export writes an account as a stream.
func (a archives) Export(ctx context.Context, id mail.AccountID, format transfer.Format, w io.Writer) (transfer.Exported, error) {
	account, err := a.o.store.Account(ctx, id)
	if err != nil {
		return transfer.Exported{}, err
	}
	return transfer.ExportStream(ctx, account, w, transfer.ExportOptions{Format: format})
}

// Import reads an archive in.
func (a archives) Import(ctx context.Context, id mail.AccountID, into string, archive *transfer.Archive) (transfer.Summary, error) {
	account, err := a.o.store.Account(ctx, id)
	if err != nil {
		return transfer.Summary{}, err
	}
	return transfer.Import(ctx, account, archive, transfer.ImportOptions{
		Draft: a.o.spool.New, Limit: mail.MaxMessage, Into: into, Pause: giveWay,
	})
}

// giveWay leaves the disk to others for as long as it has just been used: mail
// that is delivered meanwhile waits for one batch at most, and for no second.
func giveWay(ctx context.Context, took time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(min(took, time.Second)):
		return nil
	}
}
