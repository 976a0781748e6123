package claim

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// What Check and Redeem answer when the code does not open the box.
var (
	// ErrWrong: this is not the code on the box's screen.
	ErrWrong = errors.New("that is not the code on the box's screen")
	// ErrSpent: the box has been set up with this code already.
	ErrSpent = errors.New("the code has been used")
	// ErrBusy: another set-up with the same code is running this moment.
	ErrBusy = errors.New("a set-up is running already")
)

// A TooSoonError says that so many codes have been tried that the next one has
// to wait.
type TooSoonError struct{ Wait time.Duration }

func (e *TooSoonError) Error() string { return "too many codes tried, wait " + e.Wait.String() }

const (
	// lowNumber and highNumber bound the last group: always four digits, so
	// that nobody asks whether a leading zero counts.
	lowNumber  = 1000
	highNumber = 9999

	// MaxText is the longest text that is looked at. Four groups have at most
	// 28 characters; the rest is room for spaces.
	MaxText = 64
)

// Code is one box's claim code. Make it with New.
type Code struct {
	text string
	hash [sha256.Size]byte

	limit limiter

	mu    sync.Mutex
	state state
}

type state uint8

const (
	open state = iota
	redeeming
	spent
)

// New mints a code from crypto/rand, which ends the process rather than hand
// out weak bytes. now tells the time for the limits; nil means time.Now.
func New(now func() time.Time) *Code {
	w := words()
	groups := []string{
		w[draw(len(w))], w[draw(len(w))], w[draw(len(w))],
		strconv.Itoa(lowNumber + draw(highNumber-lowNumber+1)),
	}
	if now == nil {
		now = time.Now
	}
	c := &Code{text: strings.Join(groups, "-")}
	c.hash = sha256.Sum256([]byte(c.text))
	c.limit.now = now
	return c
}

// draw returns a uniform number below n: values above the largest multiple of
// n are thrown away, since keeping them would favour the first words.
func draw(n int) int {
	limit := ^uint32(0) - ^uint32(0)%uint32(n)
	for {
		var b [4]byte
		rand.Read(b[:])
		if v := binary.LittleEndian.Uint32(b[:]); v < limit {
			return int(v % uint32(n))
		}
	}
}

// String is the code as the screen shows it, such as olive-harbor-seven-4217.
// It is a secret: never log it.
func (c *Code) String() string { return c.text }

// Spent reports whether the box has been set up with this code.
func (c *Code) Spent() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.state == spent
}

// Check says whether text is the code, without spending it. The answer is nil,
// ErrWrong, ErrSpent or a *TooSoonError.
func (c *Code) Check(peer netip.Addr, text string) error {
	if c.Spent() {
		return ErrSpent
	}
	if wait := c.limit.take(peer); wait > 0 {
		return &TooSoonError{Wait: wait}
	}
	// The hashes have one length, so the comparison tells nothing by its time.
	got := sha256.Sum256([]byte(Normalize(text)))
	if subtle.ConstantTimeCompare(got[:], c.hash[:]) != 1 {
		return ErrWrong
	}
	c.limit.forgive(peer)
	return nil
}

// Redeem runs setUp when text is the code, and spends the code when setUp
// returns nil. Only one setUp runs at a time; a second caller gets ErrBusy.
// Errors of setUp are returned as they are and leave the code good.
func (c *Code) Redeem(ctx context.Context, peer netip.Addr, text string, setUp func(context.Context) error) error {
	if err := c.Check(peer, text); err != nil {
		return err
	}
	c.mu.Lock()
	switch c.state {
	case spent:
		c.mu.Unlock()
		return ErrSpent
	case redeeming:
		c.mu.Unlock()
		return ErrBusy
	}
	c.state = redeeming
	c.mu.Unlock()

	after := open // also when setUp panics
	defer func() {
		c.mu.Lock()
		c.state = after
		c.mu.Unlock()
	}()
	err := setUp(ctx)
	if err == nil {
		after = spent
	}
	return err
}

// Normalize brings what a person typed into the form that is compared: lower
// case, one hyphen between groups whatever stood there, also where nothing did
// between the last word and the number. Text that is too long to be a code
// becomes "".
func Normalize(text string) string {
	if len(text) > MaxText {
		return ""
	}
	groups := strings.FieldsFunc(strings.ToLower(text), func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9')
	})
	text = strings.Join(groups, "-")
	if i := strings.IndexAny(text, "0123456789"); i > 0 && text[i-1] != '-' {
		text = text[:i] + "-" + text[i:]
	}
	return text
}
