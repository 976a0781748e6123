package control

import (
	"context"
	"time"
)

// What PID 1 wants done by the mail service: it alone knows the people and their mail.
// The socket carries questions in one direction only, so the service asks whether there
// is something to do, and PID 1 lets it wait for an answer.
const (
	VerbErrand     Verb = "errand"      // → Errand, as soon as there is one, at most after ErrandWait
	VerbErrandDone Verb = "errand-done" // ErrandResult
)

// ErrandWait bounds how long PID 1 lets the mail service wait.
const ErrandWait = 20 * time.Second

// SupportFile is where the mail service puts a support bundle for PID 1 to take.
const SupportFile = "/data/private/support.zip"

// ErrandKind is what is to be done.
type ErrandKind string

// The kinds.
const (
	ErrandNone    ErrandKind = ""        // nothing; ask again
	ErrandSupport ErrandKind = "support" // write SupportFile
	ErrandCode    ErrandKind = "code"    // make a code for a new administrator's password
)

// Errand is something to do.
type Errand struct {
	ID   uint64     `json:"id"`
	Kind ErrandKind `json:"kind"`
}

// ErrandResult is how it went.
type ErrandResult struct {
	ID uint64 `json:"id"`
	// Problem says in a sentence for the person at the screen why it was not done.
	Problem string `json:"problem,omitempty"`
	// Of ErrandCode: the code, whose password can be set with it, and how long.
	Code           string   `json:"code,omitempty"`
	Administrators []string `json:"administrators,omitempty"`
	Minutes        int      `json:"minutes,omitempty"`
}

// Errand waits for something to do. It returns ErrandNone when there was nothing for a
// while. Of several that wait only the one who came last gets something. The client is
// taken up meanwhile: use one that does nothing else.
func (c *Client) Errand(ctx context.Context) (Errand, error) {
	var e Errand
	err := c.call(ctx, VerbErrand, nil, &e)
	return e, err
}

// ErrandDone tells PID 1 how it went.
func (c *Client) ErrandDone(ctx context.Context, r ErrandResult) error {
	return c.call(ctx, VerbErrandDone, r, nil)
}
