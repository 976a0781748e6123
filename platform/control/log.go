package control

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

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
	// Backward gives what is ahead of Before instead; the zero Before is the end.
	Backward bool             `json:"backward,omitempty"`
	Before   logbook.Position `json:"before,omitzero"`
}

// LogPage is some lines of the log, each a JSON object; none: there are no more yet.
type LogPage struct {
	Lines []json.RawMessage `json:"lines"`
	Next  logbook.Position  `json:"next"` // After of the next LogArgs; backward Before, the same again where the log begins
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
	if args.Backward {
		return pageBack(book, args.Before)
	}
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

// pageBack makes a page of what is ahead of a place, the lines in their order.
func pageBack(book *logbook.Book, before logbook.Position) (LogPage, error) {
	page := LogPage{Lines: []json.RawMessage{}, Next: before}
	lines, from, err := book.ReadBack(before)
	if errors.Is(err, logbook.ErrNoDisk) {
		return page, nil
	}
	if err != nil || len(lines) == 0 {
		return page, err
	}
	for _, l := range lines {
		from.Offset += int64(len(l)) + 1 // behind the last of them
	}
	size := 0
	for _, l := range slices.Backward(lines) {
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
		from.Offset -= int64(len(l)) + 1
	}
	slices.Reverse(page.Lines)
	page.Next = from
	return page, nil
}
