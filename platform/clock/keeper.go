package clock

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

const (
	// stepAbove is the offset that is stepped away at the first answer.
	stepAbove = 500 * time.Millisecond
	// restepAbove is the offset that slewing would take hours for: after a
	// machine slept, say. It must be seen twice.
	restepAbove = 10 * time.Second
	// confirmAfter is when the second look comes.
	confirmAfter = 30 * time.Second
	// pollEvery is how often servers are asked once the clock is right; the NTP
	// pool asks its users for no more than this.
	pollEvery = 1024 * time.Second
	// firstRetry is doubled up to maxRetry while nobody answers.
	firstRetry = 2 * time.Second
	maxRetry   = 5 * time.Minute
	// saveEvery bounds how much time a power cut can take back.
	saveEvery = time.Hour
	// trustFor is how long the clock stays trusted without an answer: a bad
	// crystal is off by less than nine seconds then.
	trustFor = 24 * time.Hour
	// maxServers is how many are asked at once.
	maxServers = 8
)

// Options is what a [Keeper] needs. Log, Kernel, Servers and Query are required.
type Options struct {
	Log    *slog.Logger
	Kernel Kernel
	// Servers lists whom to ask now, best first; it may change at any time, and
	// must return soon.
	Servers func() []string
	// Query asks one server: [Query], or a test's.
	Query func(ctx context.Context, server string) (Sample, error)
	// Built is when the software was built: no time before it is believed.
	Built time.Time
	// Save keeps the time for the next boot; Publish tells the State. Both may be
	// nil.
	Save    func(time.Time) error
	Publish func(State) error
}

// Keeper disciplines one clock.
type Keeper struct {
	o    Options
	kick chan struct{}

	// The rest belongs to Run's goroutine.
	stepped bool      // the first answer has been dealt with
	suspect bool      // a large offset was seen once
	heard   time.Time // monotonic; zero: never
	state   State
	failing string // last problem, so that it is logged once
}

// NewKeeper returns a Keeper; it does nothing until [Keeper.Run].
func NewKeeper(o Options) *Keeper {
	return &Keeper{o: o, kick: make(chan struct{}, 1)}
}

// Kick makes the keeper ask again soon: the network has changed. Safe for
// concurrent use.
func (k *Keeper) Kick() {
	select {
	case k.kick <- struct{}{}:
	default:
	}
}

// Run keeps the clock until ctx ends, then saves the time once more.
func (k *Keeper) Run(ctx context.Context) {
	k.publish()
	saver := time.NewTicker(saveEvery)
	defer saver.Stop()
	retry := firstRetry
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		select {
		case <-ctx.Done():
			k.save()
			return
		case <-saver.C:
			k.save()
			continue
		case <-k.kick:
			if !k.heard.IsZero() && time.Since(k.heard) < pollEvery && k.state.Trusted {
				continue // right anyway: a new cable is no reason to trouble servers
			}
			retry = firstRetry
			next.Reset(firstRetry) // let the address settle
			continue
		case <-next.C:
		}
		wait, err := k.poll(ctx)
		if err != nil {
			k.fail(err)
			wait = retry
			retry = min(retry*2, maxRetry)
		} else {
			retry = firstRetry
		}
		next.Reset(wait)
	}
}

// poll asks all servers once and moves the clock. It returns when to ask again.
func (k *Keeper) poll(ctx context.Context) (time.Duration, error) {
	best, agreed, err := choose(k.ask(ctx))
	if err != nil {
		return 0, err
	}
	if err := k.plausible(best); err != nil {
		return 0, err
	}
	first := !k.stepped
	switch off := best.Offset; {
	case first && off.Abs() > stepAbove:
		k.o.Log.Info("clock stepped", "by", off, "server", best.Server)
		err = k.o.Kernel.Step(off)
	case off.Abs() > restepAbove && !k.suspect:
		k.suspect = true
		k.o.Log.Warn("clock far off, asking again", "by", off, "server", best.Server)
		return confirmAfter, nil
	case off.Abs() > restepAbove:
		k.o.Log.Warn("clock stepped", "by", off, "server", best.Server)
		err = k.o.Kernel.Step(off)
	default:
		err = k.o.Kernel.Slew(off)
	}
	if err == nil {
		err = k.o.Kernel.Trusted(best.Delay/2 + best.Offset.Abs()/2)
	}
	if err != nil {
		return 0, err
	}
	k.stepped, k.suspect, k.failing = true, false, ""
	k.heard = time.Now()
	k.state = State{
		Trusted: true, At: k.o.Kernel.Now().UTC(), Server: best.Server, Servers: agreed,
		Stratum: best.Stratum, OffsetMS: best.Offset.Milliseconds(),
	}
	if first {
		k.o.Log.Info("clock is right", "server", best.Server, "agreed", agreed, "offset", best.Offset)
		k.save()
	}
	k.publish()
	return pollEvery, nil
}

// ask queries the servers all at once; a slow one delays by its timeout only.
func (k *Keeper) ask(ctx context.Context) []Sample {
	servers := k.o.Servers()
	servers = servers[:min(len(servers), maxServers)]
	answers := make([]*Sample, len(servers))
	var wg sync.WaitGroup
	for i, server := range servers {
		wg.Go(func() {
			s, err := k.o.Query(ctx, server)
			if err != nil {
				k.o.Log.Debug("time server", "server", server, "error", err)
				return
			}
			answers[i] = &s
		})
	}
	wg.Wait()
	var samples []Sample
	for _, a := range answers {
		if a != nil {
			samples = append(samples, *a)
		}
	}
	return samples
}

var errImplausible = errors.New("the time servers name an impossible time")

// plausible refuses what no honest server can say.
func (k *Keeper) plausible(s Sample) error {
	t := k.o.Kernel.Now().Add(s.Offset)
	if !k.o.Built.IsZero() && (t.Before(k.o.Built) || t.Sub(k.o.Built) > plausible) {
		return fmt.Errorf("%w: %s (%s)", errImplausible, t.UTC().Format(time.DateTime), s.Server)
	}
	return nil
}

// fail notes that there was no usable answer. Trust ends only after a long
// silence: the clock does not get worse at once.
func (k *Keeper) fail(err error) {
	if err.Error() != k.failing {
		k.failing = err.Error()
		k.o.Log.Warn("clock not checked", "error", err)
	}
	problem := "The clock can't be checked."
	switch {
	case errors.Is(err, ErrNoAnswer):
		problem = "No time server answers; the box goes by its own clock."
	case errors.Is(err, ErrDisagree):
		problem = "The time servers contradict each other; the box goes by its own clock."
	case errors.Is(err, errImplausible):
		problem = "The time servers name a time that can't be; the box goes by its own clock."
	}
	trusted := k.state.Trusted && time.Since(k.heard) < trustFor
	if k.state.Problem == problem && k.state.Trusted == trusted {
		return
	}
	k.state.Trusted, k.state.Problem = trusted, problem
	k.publish()
}

func (k *Keeper) save() {
	if k.o.Save == nil {
		return
	}
	if err := k.o.Save(k.o.Kernel.Now()); err != nil {
		k.o.Log.Warn("time not saved", "error", err)
	}
}

func (k *Keeper) publish() {
	if k.o.Publish == nil {
		return
	}
	if err := k.o.Publish(k.state); err != nil {
		k.o.Log.Warn("clock state not told", "error", err)
	}
}
