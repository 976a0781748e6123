package vm

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// control speaks QEMU's machine protocol (QMP): one JSON object on a line each way; answers come in the order of the
// commands, events come at any time between them.
type control struct {
	conn    net.Conn
	mu      sync.Mutex // held for one command and its answer
	answers chan message
	gone    chan struct{} // closed when QEMU hangs up

	eventMu sync.Mutex
	events  []Event
	off     chan struct{} // capacity 1: there was another SHUTDOWN
}

// Event is something QEMU tells about the machine.
type Event struct {
	Name   string // such as SHUTDOWN or WATCHDOG
	Reason string // for SHUTDOWN: guest-shutdown, guest-reset, guest-panic, ...
	Action string // for WATCHDOG: what it does
}

type message struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Desc string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Reason string `json:"reason"`
		Action string `json:"action"`
	} `json:"data"`
}

// maxMessage bounds a line; screens go to files, not through here.
const maxMessage = 1 << 20

func newControl(conn net.Conn) *control {
	c := &control{conn: conn, answers: make(chan message, 1), gone: make(chan struct{}), off: make(chan struct{}, 1)}
	go c.read()
	return c
}

func (c *control) read() {
	defer close(c.gone)
	lines := bufio.NewScanner(c.conn)
	lines.Buffer(nil, maxMessage)
	for lines.Scan() {
		var m message
		if json.Unmarshal(lines.Bytes(), &m) != nil {
			continue
		}
		switch {
		case m.Event == "SHUTDOWN" && m.Data.Reason == "host-qmp-quit": // by watch, of a machine that has ended
		case m.Event != "":
			c.eventMu.Lock()
			c.events = append(c.events, Event{Name: m.Event, Reason: m.Data.Reason, Action: m.Data.Action})
			c.eventMu.Unlock()
			if m.Event == "SHUTDOWN" {
				select {
				case c.off <- struct{}{}:
				default:
				}
			}
		case m.Error != nil || m.Return != nil:
			c.answers <- m
		} // the greeting has neither
	}
}

// errGone is what every command gets once QEMU has ended.
var errGone = errors.New("the machine is off")

// commandTime is far beyond what QEMU takes to answer, even under load.
const commandTime = 30 * time.Second

func (c *control) do(ctx context.Context, command string, arguments map[string]any) (json.RawMessage, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	request := map[string]any{"execute": command}
	if arguments != nil {
		request["arguments"] = arguments
	}
	raw, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	if _, err := c.conn.Write(append(raw, '\n')); err != nil {
		return nil, errGone
	}
	ctx, cancel := context.WithTimeout(ctx, commandTime)
	defer cancel()
	select {
	case m := <-c.answers:
		if m.Error != nil {
			return nil, fmt.Errorf("qemu: %s: %s", command, m.Error.Desc)
		}
		return m.Return, nil
	case <-c.gone:
		return nil, errGone
	case <-ctx.Done():
		// The answer may still come and would be taken for the next command's.
		c.conn.Close()
		return nil, fmt.Errorf("qemu: %s: %w", command, ctx.Err())
	}
}

func (c *control) list() []Event {
	c.eventMu.Lock()
	defer c.eventMu.Unlock()
	return append([]Event(nil), c.events...)
}
