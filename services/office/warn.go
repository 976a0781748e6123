package office

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/sanduk-mail/sanduk/services/mail"
)

const (
	// warnEvery is how often it is looked for trouble to tell of. What is over at the next
	// look nobody is told.
	warnEvery = 15 * time.Minute
	// warnAgain is after how long administrators are told once more of what is still so.
	warnAgain = 7 * 24 * time.Hour
	// maxTold bounds what is remembered of what they were told.
	maxTold = 200
)

// warn writes letters to the administrators about what is wrong, until ctx ends.
func (o *Office) warn(ctx context.Context) {
	ticker := time.NewTicker(warnEvery)
	defer ticker.Stop()
	seen := map[string]bool{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if o.isSetUp() {
			seen = o.warnOnce(ctx, seen)
		}
	}
}

// warnOnce looks once. seen is what the look before saw; it gives what this one did.
func (o *Office) warnOnce(ctx context.Context, seen map[string]bool) map[string]bool {
	list, now := o.findings(ctx), time.Now()
	told := o.monitor.Told()
	due, next, changed := dueFindings(list, seen, told, now)
	if o.monitor.Settings().Silent {
		return next
	}
	if len(due) > 0 {
		o.writeToAdministrators(ctx, due)
	}
	if changed {
		if err := o.monitor.SetTold(told); err != nil {
			o.log.Warn("what administrators were told could not be kept", "err", err)
		}
	}
	return next
}

// dueFindings is what has to be told of: it was there at the look before, too, and nobody
// was told lately. told is brought up to date: what is over is forgotten.
func dueFindings(list []mail.Finding, seen map[string]bool, told map[string]time.Time, now time.Time) (due []mail.Finding, next map[string]bool, changed bool) {
	next = map[string]bool{}
	for _, f := range list {
		name := nameOf(f)
		next[name] = true
		at, known := told[name]
		// A time ahead of now is that of a clock that was wrong.
		if !seen[name] || known && now.Sub(at).Abs() < warnAgain || !known && len(told) >= maxTold {
			continue
		}
		due = append(due, f)
		told[name] = now.UTC().Truncate(time.Second)
		changed = true
	}
	for name := range told {
		if !next[name] && !seen[name] {
			delete(told, name)
			changed = true
		}
	}
	return due, next, changed
}

// nameOf is the same for what is the same trouble: numbers in it change by the hour.
func nameOf(f mail.Finding) string {
	return cut(strings.Map(func(r rune) rune {
		if unicode.IsDigit(r) {
			return -1
		}
		return r
	}, f.What), 200)
}

// writeToAdministrators sends all administrators one letter.
func (o *Office) writeToAdministrators(ctx context.Context, due []mail.Finding) {
	people, err := o.directory.Accounts(ctx)
	if err != nil {
		o.log.Error("administrators could not be told of trouble", "err", err)
		return
	}
	text := fmt.Sprintf("The mail box %s has found something that somebody should look at.\n", o.hostname())
	for _, f := range due {
		text += "\n* " + f.What + "\n"
		if f.ToDo != "" {
			text += "  What to do: " + f.ToDo + "\n"
		}
	}
	text += fmt.Sprintf("\nhttps://%s/admin shows how it stands now. You get this letter once for each trouble, and again after a week if it is still there. boxctl monitor letters off ends these letters.", o.hostname())
	for _, p := range people {
		if p.Role.Admin() {
			o.notify(notice{to: p.Address, subject: fmt.Sprintf("Your mail box needs attention (%d)", len(due)), text: text})
		}
	}
}
