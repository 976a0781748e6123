package office

import (
	"context"
	"time"
)

const (
	// sureEvery is how often it is asked whether the date is known.
	sureEvery = 2 * time.Second
	// sureSoon is for how long nobody is told that it is not: time servers answer within
	// seconds, and a hardware clock is believed after ten minutes.
	sureSoon = 15 * time.Minute
)

// sure says whether dates may be judged by the machine's clock. What depends on that:
// servers' certificates and the times of signatures, of which everything else is judged
// meanwhile, so that mail need not wait; and the box's own errands with passwords and
// reports, which wait.
func (o *Office) sure() bool { return o.options.Sure == nil || o.options.Sure() }

// untilSure waits until the date is known; false: ctx has ended.
func (o *Office) untilSure(ctx context.Context) bool {
	if o.sure() {
		return true
	}
	o.log.Info("the date is not known yet; mail is not collected from providers until it is")
	ticker := time.NewTicker(sureEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return false
		case <-ticker.C:
		}
		if o.sure() {
			o.log.Info("the date is known")
			return true
		}
	}
}
