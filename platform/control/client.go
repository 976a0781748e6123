package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"sync"
	"time"
)

// clientTimeout bounds one request when ctx does not: setup-done checks and
// writes the boot partition, which takes seconds on a slow stick.
const clientTimeout = 60 * time.Second

// Client speaks to PID 1. The zero value is not usable; see NewClient.
type Client struct {
	path string

	mu   sync.Mutex // one request at a time
	conn net.Conn   // nil until the first request and after an error
	in   *bufio.Reader
}

// NewClient returns a Client for the socket at path, which need not exist yet:
// it connects when it is first used, and again after an error.
func NewClient(path string) *Client { return &Client{path: path} }

// Close ends the connection; the client may be used again.
func (c *Client) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.drop()
}

func (c *Client) drop() error {
	if c.conn == nil {
		return nil
	}
	err := c.conn.Close()
	c.conn = nil
	return err
}

// call sends one request. args and dst may be nil.
func (c *Client) call(ctx context.Context, verb Verb, args, dst any) error {
	r := Request{Version: Version, Verb: verb}
	if args != nil {
		var err error
		if r.Args, err = json.Marshal(args); err != nil {
			return fmt.Errorf("control: %s: %w", verb, err)
		}
	}
	line, err := json.Marshal(r)
	if err != nil {
		return fmt.Errorf("control: %s: %w", verb, err)
	}
	if len(line) >= MaxFrame {
		return Invalid("%s: the request is longer than %d bytes", verb, MaxFrame)
	}
	answer, err := c.exchange(ctx, append(line, '\n'))
	if err != nil {
		return fmt.Errorf("control: %s: %w", verb, err)
	}
	var reply Reply
	if err := json.Unmarshal(answer, &reply); err != nil {
		return fmt.Errorf("control: %s: reply: %w", verb, err)
	}
	if reply.Version != Version {
		return fmt.Errorf("control: %s: reply has version %d, not %d", verb, reply.Version, Version)
	}
	if reply.Error != nil {
		return reply.Error
	}
	if dst == nil || reply.Data == nil {
		return nil
	}
	return json.Unmarshal(reply.Data, dst)
}

// exchange writes a line and reads one. A connection that PID 1 has closed
// because it was idle is made anew, once.
func (c *Client) exchange(ctx context.Context, line []byte) ([]byte, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	reused := c.conn != nil
	answer, err := c.exchangeOnce(ctx, line)
	if err != nil && reused && ctx.Err() == nil {
		return c.exchangeOnce(ctx, line)
	}
	return answer, err
}

func (c *Client) exchangeOnce(ctx context.Context, line []byte) ([]byte, error) {
	if c.conn == nil {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "unix", c.path)
		if err != nil {
			return nil, err
		}
		c.conn, c.in = conn, bufio.NewReaderSize(conn, MaxFrame)
	}
	conn := c.conn
	deadline, ok := ctx.Deadline()
	if !ok {
		deadline = time.Now().Add(clientTimeout)
	}
	_ = conn.SetDeadline(deadline) // fails only on a closed connection, which Write reports
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	if _, err := conn.Write(line); err != nil {
		_ = c.drop()
		return nil, err
	}
	answer, err := c.in.ReadSlice('\n')
	if err != nil {
		_ = c.drop()
		return nil, err
	}
	return slices.Clone(answer), nil
}

// Status asks how the machine is.
func (c *Client) Status(ctx context.Context) (Status, error) {
	var s Status
	err := c.call(ctx, VerbStatus, nil, &s)
	return s, err
}

// SetNetwork stores the "network" object of the set-up contract and applies it.
func (c *Client) SetNetwork(ctx context.Context, network json.RawMessage) error {
	return c.call(ctx, VerbNetwork, NetworkArgs{Network: network}, nil)
}

// TryNetwork is SetNetwork for as long as nobody says that the box is reached: those from
// before come back by themselves unless KeepNetwork is called in time.
func (c *Client) TryNetwork(ctx context.Context, network json.RawMessage) error {
	return c.call(ctx, VerbNetwork, NetworkArgs{Network: network, Trial: true}, nil)
}

// KeepNetwork says that settings on trial work.
func (c *Client) KeepNetwork(ctx context.Context) error {
	return c.call(ctx, VerbKeepNetwork, nil, nil)
}

// Network tells the settings and whether they are on trial.
func (c *Client) Network(ctx context.Context) (NetworkState, error) {
	var s NetworkState
	err := c.call(ctx, VerbNetworkState, nil, &s)
	return s, err
}

// SetFirewall stores what the packet filter lets in, in the form of
// platform/firewall's Policy, and applies it.
func (c *Client) SetFirewall(ctx context.Context, policy json.RawMessage) error {
	return c.call(ctx, VerbFirewall, FirewallArgs{Policy: policy}, nil)
}

// SetHostname stores the box's name and applies it.
func (c *Client) SetHostname(ctx context.Context, name string) error {
	return c.call(ctx, VerbHostname, HostnameArgs{Hostname: name}, nil)
}

// StoreHostname is SetHostname without applying it: the next start does.
func (c *Client) StoreHostname(ctx context.Context, name string) error {
	return c.call(ctx, VerbHostname, HostnameArgs{Hostname: name, Later: true}, nil)
}

// StoreNetwork is SetNetwork without applying it: the next start does.
func (c *Client) StoreNetwork(ctx context.Context, network json.RawMessage) error {
	return c.call(ctx, VerbNetwork, NetworkArgs{Network: network, Later: true}, nil)
}

// SetClock offers the time of the administrator's browser.
func (c *Client) SetClock(ctx context.Context, t time.Time) error {
	return c.call(ctx, VerbClock, ClockArgs{UnixMilli: t.UnixMilli()}, nil)
}

// Disks lists the machine's disks.
func (c *Client) Disks(ctx context.Context) ([]Disk, error) {
	var d []Disk
	err := c.call(ctx, VerbDisks, nil, &d)
	return d, err
}

// Reboot asks for an orderly restart; the reply comes before it begins.
func (c *Client) Reboot(ctx context.Context) error { return c.call(ctx, VerbReboot, nil, nil) }

// PowerOff asks for an orderly power-off; the reply comes before it begins.
func (c *Client) PowerOff(ctx context.Context) error { return c.call(ctx, VerbPowerOff, nil, nil) }

// FactoryReset has the next start erase everything, and restarts. On return nothing can
// stop it any more.
func (c *Client) FactoryReset(ctx context.Context) error {
	return c.call(ctx, VerbFactoryReset, nil, nil)
}

// PushConsole replaces what the screen shows about the mail service.
func (c *Client) PushConsole(ctx context.Context, a ConsoleArgs) error {
	return c.call(ctx, VerbConsole, a, nil)
}

// SetupBegin says that the box is about to be set up. It is refused when what is private is about to be made anew; after
// it EncryptAnew and PlainAnew are refused, until the machine ends.
func (c *Client) SetupBegin(ctx context.Context) error {
	return c.call(ctx, VerbSetupBegin, nil, nil)
}

// SetupDone erases the provisioning file from the boot partition, because it
// holds passwords and is used once. It is durable on return; calling it again
// is harmless.
func (c *Client) SetupDone(ctx context.Context) error { return c.call(ctx, VerbSetupDone, nil, nil) }

// InstallUpdate asks for the installation of UpdateFile. It returns as soon as the update is accepted or refused for what
// it says of itself; the writing goes on, and Status tells how.
func (c *Client) InstallUpdate(ctx context.Context) error { return c.call(ctx, VerbUpdate, nil, nil) }

// GoBack makes the version before the one that the next start brings, and returns it.
func (c *Client) GoBack(ctx context.Context) (version string, err error) {
	var r GoBackReply
	err = c.call(ctx, VerbGoBack, nil, &r)
	return r.Version, err
}
