package control

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sanduk-mail/sanduk/platform/logbook"
)

// VerbLog reads the box's log: LogArgs → LogPage.
const VerbLog Verb = "log"

// LogArgs says from where the log is read.
type LogArgs struct {
	After logbook.Position `json:"after"`
	// Back is for the beginning: that many bytes before the end, at least, instead of
	// After; 0 is After.
	Back int64 `json:"back,omitempty"`
}

// LogPage is some lines of the log, each a JSON object; none: there are no more yet.
type LogPage struct {
	Lines []json.RawMessage `json:"lines"`
	Next  logbook.Position  `json:"next"` // After of the next LogArgs
	Lost  bool              `json:"lost,omitempty"`
}

// MaxLogPage bounds the lines of a page in bytes as JSON, far enough below MaxFrame.
const MaxLogPage = MaxFrame - 8<<10

// Log reads some of the box's log.
func (c *Client) Log(ctx context.Context, args LogArgs) (LogPage, error) {
	var p LogPage
	err := c.call(ctx, VerbLog, args, &p)
	return p, err
}

// PageOf makes a page of what the log has there.
func PageOf(book *logbook.Book, args LogArgs) (LogPage, error) {
	if args.Back > 0 {
		args.After = book.Before(args.Back)
	}
	page := LogPage{Lines: []json.RawMessage{}, Next: args.After}
	lines, next, lost, err := book.Read(args.After)
	if errors.Is(err, logbook.ErrNoDisk) {
		return page, nil
	}
	if err != nil {
		return page, err
	}
	page.Next, page.Lost = next, lost
	for _, l := range lines {
		page.Next.Offset -= int64(len(l)) + 1 // to the first of them
	}
	size := 0
	for _, l := range lines {
		if json.Valid(l) {
			text, err := json.Marshal(json.RawMessage(l))
			if err != nil {
				return page, err
			}
			if size += len(text) + 1; size > MaxLogPage {
				break
			}
			page.Lines = append(page.Lines, l)
		}
		page.Next.Offset += int64(len(l)) + 1
	}
	return page, nil
}
