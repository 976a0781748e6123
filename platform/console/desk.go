package console

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Box is what a person who stands before it can have the box do. What it can't do for
// a reason that the person should know is a *[Refusal]; of other errors the log tells.
// Methods may take long, and end with ctx.
type Box interface {
	Restart()
	PowerOff()
	// GoBack has the version before this one start next, and restarts.
	GoBack(ctx context.Context) error

	Network(ctx context.Context) (Network, error)
	// TryNetwork uses settings until the time is over, unless KeepNetwork is called before.
	// A *Refusal names the field: "address", "gateway", "dns" or "vlan".
	TryNetwork(ctx context.Context, n Network) (trial time.Duration, err error)
	KeepNetwork(ctx context.Context) error

	// WriteSupport writes a support bundle to a USB stick and says in a sentence where.
	WriteSupport(ctx context.Context) (told string, err error)

	// ResetCode makes a code with which an administrator gets a new password on the box's
	// page.
	ResetCode(ctx context.Context) (ResetCode, error)
	// FactoryReset erases everything with the next start, which is now.
	FactoryReset(ctx context.Context) error
	// Targets are the disks on which a box that was started from a stick can be installed.
	Targets(ctx context.Context) ([]Target, error)
	// Install installs it there; with keep, the mail on the disk stays.
	Install(ctx context.Context, t Target, keep bool, tell func(percent int)) error
	// URL is where the box's page is, without a path; "" when the network gives no address.
	URL() string
}

// ResetCode is a code for a new password.
type ResetCode struct {
	Code           string
	Administrators []string // addresses that it is good for
	Valid          time.Duration
}

// Refusal is why something can't be done, in the words of the person.
type Refusal struct {
	Field string // what was asked for wrongly; "" for the whole
	Text  string
}

func (r *Refusal) Error() string { return "console: " + r.Text }

const (
	// maxInput bounds what can be typed into a field: three IPv6 addresses.
	maxInput = 130
	// idleTime ends a dialogue whose person has gone away.
	idleTime = 3 * time.Minute
	// dialogueTime ends one that noise on a serial line keeps awake; a code for a new
	// password stands for half an hour.
	dialogueTime = 40 * time.Minute
	// refusalTime is enough to read why not.
	refusalTime = 10 * time.Second
	// maxTries is how often a word may be typed wrongly.
	maxTries = 3
)

// Ways of leaving a dialogue before its end.
var (
	errLeft = errors.New("console: the dialogue was left")
	errIdle = fmt.Errorf("%w: nobody is there", errLeft)
	errGone = errors.New("console: the terminal is gone")
)

const (
	footNext  = "Enter: go on   Esc: leave, nothing is changed"
	footLeave = "Enter: back"
)

// Desk serves one terminal: it takes what is typed there, leads through dialogues, and
// has the box do what the person wants. Nothing that stops or changes the box happens
// by one key; on a line that others than persons may write to, such as a serial port
// with a modem or a UPS on it, not without a word that was typed.
type Desk struct {
	Box    Box
	Show   func(View) // must not block
	Events <-chan Event
	// Words asks for a word where else a key pressed twice does.
	Words bool
	// Offered are the keys that do something now.
	Offered func() []Key
}

// Run serves until ctx ends or the terminal is gone.
func (d *Desk) Run(ctx context.Context) {
	var confirm Confirm
	var over <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-over:
			over = nil
			d.Show(View{})
		case e, ok := <-d.Events:
			if !ok {
				return
			}
			if !d.offers(e.Key) {
				continue
			}
			over = nil
			if open := d.dialogue(e.Key); open != nil {
				confirm = Confirm{}
				d.open(ctx, open)
				continue
			}
			do, prompt := confirm.Press(e.Key, time.Now())
			if do {
				prompt = d.end(ctx, e.Key)
			}
			d.Show(View{Prompt: prompt})
			if wait := confirm.Waiting(time.Now()); wait > 0 {
				over = time.After(wait)
			} else if prompt != "" {
				over = time.After(refusalTime)
			}
		}
	}
}

func (d *Desk) offers(k Key) bool {
	for _, o := range d.Offered() {
		if o == k && k != 0 {
			return true
		}
	}
	return false
}

// dialogue is what a key opens; nil: it is to be pressed twice.
func (d *Desk) dialogue(k Key) func(context.Context) error {
	switch k {
	case KeyNetwork:
		return d.network
	case KeySupport:
		return d.support
	case KeyInstall:
		return d.install
	case KeyReset:
		return d.reset
	}
	if d.Words {
		return func(ctx context.Context) error { return d.endByWord(ctx, k) }
	}
	return nil
}

// open leads through a dialogue.
func (d *Desk) open(ctx context.Context, dialogue func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, dialogueTime)
	defer cancel()
	err := dialogue(ctx)
	if err != nil && !errors.Is(err, errLeft) && !errors.Is(err, errGone) && ctx.Err() == nil {
		_ = d.tell(ctx, Panel{Title: "That did not work", Problem: reason(err)}) // left or read, it is over
	}
	d.Show(View{})
}

// end does what a key stands for, or says why not.
func (d *Desk) end(ctx context.Context, k Key) string {
	switch k {
	case KeyRestart:
		d.Box.Restart()
	case KeyPowerOff:
		d.Box.PowerOff()
	case KeyPrevious:
		if err := d.Box.GoBack(ctx); err != nil {
			return reason(err)
		}
	}
	return ""
}

// endByWord is end for lines on which a key is not enough.
func (d *Desk) endByWord(ctx context.Context, k Key) error {
	page := map[Key]Panel{
		KeyRestart:  {Title: "Restart the box", Text: []string{"Mail stops for about a minute."}},
		KeyPowerOff: {Title: "Switch the box off", Text: []string{"Mail stops until somebody presses the box's power button."}},
		KeyPrevious: {Title: "Restart with the version before this one", Text: []string{"Mail stays, and stops for about a minute."}},
	}[k]
	word := map[Key]string{KeyRestart: "restart", KeyPowerOff: "off", KeyPrevious: "previous"}[k]
	if word == "" {
		return nil
	}
	if err := d.word(ctx, page, word); err != nil {
		return err
	}
	if refused := d.end(ctx, k); refused != "" {
		return &Refusal{Text: refused}
	}
	return nil
}

// reason is an error in the person's words.
func reason(err error) string {
	if r, ok := errors.AsType[*Refusal](err); ok {
		return r.Text
	}
	return "The box could not do that; its log says why."
}

// next waits for what is typed; errLeft when the person has left, by key or on foot.
func (d *Desk) next(ctx context.Context) (Event, error) {
	idle := time.NewTimer(idleTime)
	defer idle.Stop()
	select {
	case <-ctx.Done():
		return Event{}, errLeft
	case <-idle.C:
		return Event{}, errIdle
	case e, ok := <-d.Events:
		switch {
		case !ok:
			return e, errGone
		case e.Key == KeyBack:
			return e, errLeft
		}
		return e, nil
	}
}

// ask asks for p.Field, which p.Input is offered for, and returns what was typed.
func (d *Desk) ask(ctx context.Context, p Panel) (string, error) {
	if p.Foot == "" {
		p.Foot = footNext
	}
	for {
		shown := p
		d.Show(View{Panel: &shown})
		e, err := d.next(ctx)
		if err != nil {
			return "", err
		}
		switch {
		case e.Key == KeyEnter:
			return strings.TrimSpace(p.Input), nil
		case e.Key == KeyErase && p.Input != "":
			p.Input = p.Input[:len(p.Input)-1]
		case e.Key == 0 && len(p.Input) < maxInput:
			p.Input += string(e.Rune)
		}
	}
}

// choose asks for one of p.Choices and returns its index.
func (d *Desk) choose(ctx context.Context, p Panel) (int, error) {
	p.Field = fmt.Sprintf("Number, 1 to %d", len(p.Choices))
	for range maxTries {
		typed, err := d.ask(ctx, p)
		if err != nil {
			return 0, err
		}
		for i := range p.Choices {
			if typed == digit(i) {
				return i, nil
			}
		}
		p.Problem = "Type one of the numbers, then press Enter."
	}
	return 0, errLeft
}

// word returns nil when exactly this word was typed, and errLeft otherwise.
func (d *Desk) word(ctx context.Context, p Panel, word string) error {
	p.Field = "Type the word \"" + word + "\" and press Enter"
	for range maxTries {
		typed, err := d.ask(ctx, p)
		if err != nil {
			return err
		}
		if strings.EqualFold(typed, word) {
			return nil
		}
		p.Problem = "That was another word. Nothing has been changed."
	}
	return errLeft
}

// sure is word on lines, and a press of Enter on screens.
func (d *Desk) sure(ctx context.Context, p Panel, word string) error {
	if d.Words {
		return d.word(ctx, p, word)
	}
	p.Foot = footNext
	return d.enter(ctx, p)
}

// tell shows p until Enter is pressed.
func (d *Desk) tell(ctx context.Context, p Panel) error {
	p.Foot = footLeave
	return d.enter(ctx, p)
}

func (d *Desk) enter(ctx context.Context, p Panel) error {
	d.Show(View{Panel: &p})
	for {
		e, err := d.next(ctx)
		if err != nil || e.Key == KeyEnter {
			return err
		}
	}
}

// work shows p while fn runs. What is typed meanwhile counts for nothing.
func (d *Desk) work(ctx context.Context, p Panel, fn func(ctx context.Context) error) error {
	p.Foot = "Please wait"
	d.Show(View{Panel: &p})
	err := fn(ctx)
	for {
		select {
		case _, ok := <-d.Events:
			if !ok {
				return errGone
			}
		default:
			return err
		}
	}
}
