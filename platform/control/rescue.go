package control

import "context"

// What the box tells and does while it can't use its disk. Nobody can prove then who they
// are: whoever can read the code on the box's screen counts as its owner.
const (
	VerbRescue    Verb = "rescue"     // → Rescue
	VerbRescueAct Verb = "rescue-act" // RescueOrder
)

// RescueFile is where PID 1 puts the support bundle of [RescueSupport].
const RescueFile = "/run/sanduk/rescue/support.zip"

// RescueAct is something a person can have the box do.
type RescueAct string

// The acts.
const (
	RescueCheck    RescueAct = "check"    // check and repair the disk; the box starts again when that has helped
	RescueRestart  RescueAct = "restart"  //
	RescuePrevious RescueAct = "previous" // start again with the version before
	RescueSupport  RescueAct = "support"  // write RescueFile
	RescueErase    RescueAct = "erase"    // factory reset; wants the word RescueWord
)

// RescueWord is typed by who wants everything erased.
const RescueWord = "erase"

// RescueOrder asks for an act.
type RescueOrder struct {
	Act  RescueAct `json:"act"`
	Code string    `json:"code"` // from the box's screen
	Word string    `json:"word,omitempty"`
}

// Rescue is how the box stands.
type Rescue struct {
	Fault    string      `json:"fault"`              // as disk.Fault
	Problem  string      `json:"problem"`            // in sentences
	Said     string      `json:"said,omitempty"`     // what the disk check wrote, its end
	Disk     *DiskHealth `json:"disk,omitempty"`     // nil: the box knows no disk as its own
	Version  string      `json:"version"`            // that runs
	Previous string      `json:"previous,omitempty"` // that can be gone back to
	Acts     []RescueAct `json:"acts"`               // that can be asked for
	Doing    string      `json:"doing,omitempty"`    // what is under way, in a sentence
	Done     string      `json:"done,omitempty"`     // how the last act ended, in a sentence
	Ending   bool        `json:"ending,omitempty"`   // the box is about to start again
}

// Rescue asks how the box stands.
func (c *Client) Rescue(ctx context.Context) (Rescue, error) {
	var r Rescue
	err := c.call(ctx, VerbRescue, nil, &r)
	return r, err
}

// RescueAct has the box do something. On return it has begun; RescueSupport has ended.
func (c *Client) RescueAct(ctx context.Context, o RescueOrder) error {
	return c.call(ctx, VerbRescueAct, o, nil)
}
