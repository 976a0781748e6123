package operator

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/sanduk-mail/sanduk/services/directory"
	"github.com/sanduk-mail/sanduk/services/mail"
)

func tokenAdd(ctx context.Context, t *task) error {
	return t.at(ctx, func(p place) error {
		text, err := p.addToken(ctx, t.args[0], t.flags.owner, func() (string, error) {
			return t.askPassword(ctx, "Password of "+t.flags.owner, false)
		})
		if err != nil {
			return err
		}
		fmt.Fprintln(t.Out, text)
		fmt.Fprintln(t.Err, "This is the token. Keep it like a password: it is shown this once, and does all that its owner may.")
		return nil
	})
}

// atData opens the data directory for work that no running box offers.
func (t *task) atData(ctx context.Context, work func(*data) error) error {
	return t.at(ctx, func(p place) error {
		d, ok := p.(*data)
		if !ok {
			return fmt.Errorf("%w: --data is missing", errUsage)
		}
		return work(d)
	})
}

func tokenList(ctx context.Context, t *task) error {
	return t.atData(ctx, func(d *data) error {
		table := tabwriter.NewWriter(t.Out, 0, 0, 2, ' ', 0)
		err := d.eachToken(ctx, func(owner mail.Account, token directory.Token) error {
			_, err := fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", tokenID(token.Hash), owner.Address, token.Created.Format("2006-01-02"), token.Name)
			return err
		})
		if err != nil {
			return err
		}
		return table.Flush()
	})
}

func tokenRemove(ctx context.Context, t *task) error {
	return t.atData(ctx, func(d *data) error {
		if err := d.removeToken(ctx, t.args[0]); err != nil {
			return err
		}
		fmt.Fprintln(t.Out, "The token has been removed")
		return nil
	})
}
