package office

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/reception"
	"github.com/sanduk-mail/sanduk/services/smtpd"
)

// serveExtra serves the further submission port that was set up, if one was, until
// ctx ends or the servers are shut down. The port is known only behind the set-up,
// so PID 1, which knows nothing of offices, can't hold it. What goes wrong with it
// is tried again, and touches none of the other ports.
func (o *Office) serveExtra(ctx context.Context, s *servers) {
	ticker := time.NewTicker(attendEvery)
	defer ticker.Stop()
	said := ""
	for ctx.Err() == nil {
		err := o.serveExtraOnce(ctx, s)
		if errors.Is(err, reception.ErrClosed) {
			return
		}
		if err != nil && err.Error() != said {
			said = err.Error() // once, not four times a minute
			o.log.Warn("the extra submission port does not work", "err", err)
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
}

// serveExtraOnce serves the port as long as that goes; nil if there is none.
func (o *Office) serveExtraOnce(ctx context.Context, s *servers) error {
	box, _ := o.directory.Box()
	if box.SubmissionExtraPort == 0 {
		return nil
	}
	host := ""
	if o.options.Dev {
		host = "127.0.0.1"
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", net.JoinHostPort(host, strconv.Itoa(int(box.SubmissionExtraPort))))
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	defer l.Close() // a closed one does no harm
	o.log.Info("extra submission port open", "port", box.SubmissionExtraPort)
	return s.smtp.Serve(o.lan.Listener(l, mail.ServiceSubmission), smtpd.Mode{Submission: true})
}
