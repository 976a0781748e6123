package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"
)

// Version of the protocol. Both ends come from the same image; a difference
// means that one of them was replaced under the other's feet.
const Version = 1

// SocketPath is where PID 1 listens.
const SocketPath = "/run/sanduk/control"

// MaxFrame bounds a line in bytes, both ways: a status with every unit, disk
// and address is below 16 KiB.
const MaxFrame = 64 << 10

// MaxLine bounds each text of ConsoleArgs in bytes: some lines of a screen.
const MaxLine = 400

// Verb is what a peer may ask for.
type Verb string

// The verbs.
const (
	VerbStatus       Verb = "status"        // → Status
	VerbNetwork      Verb = "network"       // NetworkArgs
	VerbKeepNetwork  Verb = "keep-network"  // ends a trial of network settings well
	VerbNetworkState Verb = "network-state" // → NetworkState
	VerbFirewall     Verb = "firewall"      // FirewallArgs
	VerbHostname     Verb = "hostname"      // HostnameArgs
	VerbClock        Verb = "clock"         // ClockArgs
	VerbDisks        Verb = "disks"         // → []Disk
	VerbReboot       Verb = "reboot"        //
	VerbPowerOff     Verb = "poweroff"      //
	VerbConsole      Verb = "console"       // ConsoleArgs
	VerbSetupBegin   Verb = "setup-begin"   // from now on what is private is not made anew any more
	VerbSetupDone    Verb = "setup-done"    // erases the provisioning file
	VerbUpdate       Verb = "update"        // installs UpdateFile; how it goes is in Status.Update
	VerbGoBack       Verb = "go-back"       // → GoBackReply: the version before starts next
	VerbFactoryReset Verb = "factory-reset" // erases everything at the next start, which is now
)

// UpdateFile is where maild puts an update for PID 1 to read. Whoever may write there can offer an update, and no
// more: it counts by its signature.
const UpdateFile = "/data/private/offered.update"

// Request is one line from the client.
type Request struct {
	Version int             `json:"v"`
	Verb    Verb            `json:"verb"`
	Args    json.RawMessage `json:"args,omitempty"`
}

// Reply is one line from the server.
type Reply struct {
	Version int             `json:"v"`
	Data    json.RawMessage `json:"data,omitempty"`
	Error   *Error          `json:"error,omitempty"`
}

// Code is the kind of an Error.
type Code string

// The codes.
const (
	CodeDenied   Code = "denied"   // this user may not say this verb
	CodeInvalid  Code = "invalid"  // the frame or an argument is wrong
	CodeInternal Code = "internal" // it could not be done; the log says why
)

// Error is the protocol's error: what the peer is told, and privately why.
type Error struct {
	Code  Code   `json:"code"`
	Text  string `json:"text"` // in the user's words
	cause error
}

func (e *Error) Error() string { return fmt.Sprintf("control: %s: %s", e.Code, e.Text) }

// Unwrap returns the private cause; nil on the client's side.
func (e *Error) Unwrap() error { return e.cause }

// Invalid says that an argument is wrong, in words for the user.
func Invalid(format string, args ...any) error {
	return &Error{Code: CodeInvalid, Text: fmt.Sprintf(format, args...)}
}

// NetworkArgs holds the network settings, in the form of the set-up contract's
// "network" object.
type NetworkArgs struct {
	Network json.RawMessage `json:"network"`
	Trial   bool            `json:"trial,omitempty"` // they go back by themselves unless VerbKeepNetwork comes in time
	Later   bool            `json:"later,omitempty"` // they are stored, and used from the next start on, or when they come once more
}

// NetworkState is what becomes of network settings.
type NetworkState struct {
	Network  json.RawMessage `json:"network"`
	TrialMS  int64           `json:"trial_ms,omitempty"`  // until those from before come back
	WentBack bool            `json:"went_back,omitempty"` // the last ones were not confirmed
}

// FirewallArgs holds what the packet filter lets in, in the form of
// platform/firewall's Policy.
type FirewallArgs struct {
	Policy json.RawMessage `json:"policy"`
}

// HostnameArgs names the box.
type HostnameArgs struct {
	Hostname string `json:"hostname"`
	Later    bool   `json:"later,omitempty"` // it is stored, and used from the next start on, or when it comes once more
}

// ClockArgs is the time as the administrator's browser knows it.
type ClockArgs struct {
	UnixMilli int64 `json:"unix_ms"`
}

// ConsoleArgs is what the screen shows about the mail service. Each push
// replaces the one before.
type ConsoleArgs struct {
	State       string `json:"state"`                 // one line: "waiting to be set up", "running"
	Hostname    string `json:"hostname,omitempty"`    // as set up
	ClaimCode   string `json:"claim_code,omitempty"`  // "" once the box is set up
	Fingerprint string `json:"fingerprint,omitempty"` // of the certificate, as the pages show it
	Progress    string `json:"progress,omitempty"`    // of the set-up, one line
}

// Status is the machine at a moment.
type Status struct {
	Version   string    `json:"version"` // of the image
	State     string    `json:"state"`   // "starting", "running", "degraded", "recovery", "stopping"
	Problem   string    `json:"problem,omitempty"`
	Hostname  string    `json:"hostname"`
	UptimeMS  int64     `json:"uptime_ms"` // since PID 1 began
	Units     []Unit    `json:"units"`
	Memory    Memory    `json:"memory"`
	Data      *Space    `json:"data,omitempty"` // nil: not mounted
	Boot      []Phase   `json:"boot"`
	Time      time.Time `json:"time"`
	Watchdog  string    `json:"watchdog,omitempty"` // the device's name, "" none
	Addresses []string  `json:"addresses"`
	Update    Update    `json:"update"`
	// SecureBoot is true when the firmware starts only what somebody has signed whom it knows.
	SecureBoot bool `json:"secure_boot,omitempty"`
}

// UpdateState is how far an update is.
type UpdateState string

// The states.
const (
	UpdateNone       UpdateState = ""           // none was asked for since the start
	UpdateInstalling UpdateState = "installing" // it is being written
	UpdateInstalled  UpdateState = "installed"  // the next start tries it
	UpdateRefused    UpdateState = "refused"    // Problem says why
)

// Update is what is known of the box's versions.
type Update struct {
	State    UpdateState `json:"state,omitempty"`
	Version  string      `json:"version,omitempty"`  // that State is about
	Problem  string      `json:"problem,omitempty"`  // in the user's words
	OnTrial  bool        `json:"on_trial,omitempty"` // the version that runs has not proved itself yet
	Schema   int         `json:"schema,omitempty"`   // form of the data that the services may write
	Previous string      `json:"previous,omitempty"` // version that can be gone back to
	Last     *Outcome    `json:"last,omitempty"`     // how the last update ended
	Keys     []string    `json:"keys,omitempty"`     // names of the keys whose updates are taken
}

// Outcome is how an update, or a way back, ended.
type Outcome struct {
	Time   time.Time `json:"time"`
	From   string    `json:"from"`
	To     string    `json:"to"`
	Well   bool      `json:"well"`             // To runs and has proved itself
	Reason string    `json:"reason,omitempty"` // in a sentence
}

// GoBackReply names the version that the next start brings.
type GoBackReply struct {
	Version string `json:"version"`
}

// Unit is one service.
type Unit struct {
	Name     string    `json:"name"`
	State    string    `json:"state"`
	Required bool      `json:"required"`
	Degraded bool      `json:"degraded,omitempty"`
	Text     string    `json:"text,omitempty"`
	LastEnd  string    `json:"last_end,omitempty"`
	Starts   int       `json:"starts"`
	Since    time.Time `json:"since"`
	Memory   int64     `json:"memory,omitempty"` // bytes
}

// Memory is the machine's, in bytes.
type Memory struct {
	Total     int64 `json:"total"`
	Available int64 `json:"available"`
}

// Space is a file system's, in bytes.
type Space struct {
	Total int64 `json:"total"`
	Free  int64 `json:"free"`
}

// Phase is a step of the start.
type Phase struct {
	Name string `json:"name"`
	MS   int64  `json:"ms"`
	Err  string `json:"error,omitempty"`
}

// Disk is a whole disk.
type Disk struct {
	Device string `json:"device"` // kernel name, "sda"
	Model  string `json:"model,omitempty"`
	Serial string `json:"serial,omitempty"`
	Bytes  int64  `json:"bytes"`
	Own    bool   `json:"own"` // the one the box runs from
}

// ParseRequest reads one frame. Everything unexpected is an error: the only
// peers are programs of the same image.
func ParseRequest(line []byte) (Request, error) {
	var r Request
	if len(line) > MaxFrame {
		return r, Invalid("the request is longer than %d bytes", MaxFrame)
	}
	if err := Strict(line, &r); err != nil {
		return Request{}, err
	}
	if r.Version != Version {
		return Request{}, Invalid("protocol version %d is not %d", r.Version, Version)
	}
	if r.Verb == "" {
		return Request{}, Invalid("verb: missing")
	}
	return r, nil
}

// Strict decodes exactly one JSON value without unknown fields. Empty input
// leaves dst as it is.
func Strict(data []byte, dst any) error {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(dst); err != nil {
		return &Error{Code: CodeInvalid, Text: "the request cannot be read: " + err.Error(), cause: err}
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return Invalid("the request holds more than one value")
	}
	return nil
}
