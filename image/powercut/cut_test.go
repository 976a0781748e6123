package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/vm"
)

// The short form.
const (
	shortCuts    = 2
	shortReplays = 300
)

// number reads a count from the environment.
func number(t *testing.T, name string, otherwise int) int {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q: want a number", name, v)
	}
	return n
}

// TestPowerCut is the whole proof, in parts that begin with the same box, set up and switched off in order.
func TestPowerCut(t *testing.T) {
	if dir := os.Getenv("SANDUK_RECORDING"); dir != "" {
		p, err := recording(dir)
		if err != nil {
			t.Fatal(err)
		}
		p.seed = uint64(number(t, "SANDUK_SEED", int(p.seed)))
		t.Run("replay", p.replay)
		t.Run("replay of a lying disk", p.replayLying)
		return
	}
	need(t)
	dir := scratch(t)
	seed := uint64(number(t, "SANDUK_SEED", int(time.Now().Unix())))
	t.Logf("SANDUK_SEED=%d", seed)
	fresh, err := filepath.Abs(filepath.Join(build, image))
	if err != nil {
		t.Fatal(err)
	}
	first := newBox(t, filepath.Join(dir, "first"), fresh, 0, nil)
	if err := first.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	first.on(t, "")
	if _, err := first.ready(t, runningLine); err != nil {
		t.Fatal(err)
	}
	if _, err := first.ready(t, portsLine); err != nil {
		t.Fatal(err)
	}
	first.off(t)

	p := &proof{dir: dir, first: filepath.Join(dir, firstFile), seed: seed}
	if err := vm.CopySparse(p.first, first.Disk()); err != nil {
		t.Fatal(err)
	}
	p.record(t)
	t.Run("machine", p.machine)
	t.Run("lying disk", p.lying)
	t.Run("worn disk", p.worn)
	t.Run("replay", p.replay)
	t.Run("replay of a lying disk", p.replayLying)
}

// proof is what the parts share.
type proof struct {
	dir   string
	first string // the disk of the box that was set up
	seed  uint64

	// What record leaves.
	h     *history
	trace string
	cut   string // the disk after the cut
}

// recordedOperations are enough for the indexes to be written several times; recordedTime is so long that what was
// expunged is let go, and few letters in each account see to it that most of a segment of the log goes, and is compacted.
const (
	recordedOperations = 400
	recordedTime       = 15 * time.Second
	recordedFill       = 12
)

// record records a start and a load up to the first cut, which machine begins with.
func (p *proof) record(t *testing.T) {
	operations, least, pace := recordedOperations, recordedTime, withinOne()
	if os.Getenv("SANDUK_LONG") != "" {
		operations, least = 10*operations, 4*least
	}
	b := newBox(t, filepath.Join(p.dir, "recorded"), p.first, 0, &pace)
	p.trace, p.cut = filepath.Join(p.dir, traceFile), b.Disk()
	b.on(t, p.trace)
	var problems []problem
	if p.h, problems = b.cycle(t, cycle{start: empty(), label: "r", seed: p.seed, enough: operations, least: least, fill: recordedFill}); len(problems) > 0 {
		t.Fatal(problems)
	}
	loss := b.cut(t, p.seed)
	if err := p.h.save(filepath.Join(p.dir, historyFile), p.seed); err != nil {
		t.Fatal(err)
	}
	t.Logf("recorded: %d operations; %d of %d unflushed bytes lost", p.h.count(), loss.Lost, loss.AtRisk)
}

func report(t *testing.T, when string, problems []problem) {
	t.Helper()
	for _, p := range problems[:min(len(problems), maxReported)] {
		t.Errorf("%s: %s", when, p)
	}
	if len(problems) > 0 {
		t.Errorf("%s: problems: %s", when, tally(problems))
	}
}

// Where to cut during a start: it writes some hundred times, under TCG in half a minute.
const (
	startMoves = 200
	startTime  = 25 * time.Second
)

func empty() map[string]account {
	start := make(map[string]account)
	for _, name := range people() {
		start[name] = account{}
	}
	return start
}

// loadTime bounds how long a load may need to get enough acknowledged.
const loadTime = 5 * time.Minute

// cycle is a load between two cuts.
type cycle struct {
	start  map[string]account
	before *history // of the cycle before this; nil: there was none
	label  string   // see load
	seed   uint64
	enough int           // operations to acknowledge before the cut may come
	least  time.Duration // and how long it takes at least
	fill   int           // see load
}

// cycle waits for the box, puts load on it, and takes the power away at a random moment after enough was acknowledged.
// The caller is to cut.
func (b *box) cycle(t *testing.T, c cycle) (*history, []problem) {
	t.Helper()
	addrs, err := b.ready(t, portsLine)
	if err != nil {
		t.Fatal(err)
	}
	h := newHistory(c.start, b.disk.Moves)
	if c.before != nil {
		h.follow(c.before)
	}
	l := &load{h: h, addrs: addrs, label: c.label, seed: c.seed, fill: c.fill, ctx: t.Context()}
	l.start()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	began := time.Now()
	deadline := began.Add(loadTime)
	for h.count() < c.enough || time.Since(began) < c.least {
		<-tick.C
		l.mu.Lock()
		wrong := len(l.errors) > 0
		l.mu.Unlock()
		if wrong || time.Now().After(deadline) {
			break
		}
	}
	r := rand.New(rand.NewPCG(c.seed, 2))
	b.fail(r.Int64N(loadMoves), r.IntN(4) > 0, failTime)
	l.stop()
	b.boot.Kill()
	l.all.Wait()
	var problems []problem
	for _, err := range l.errors {
		problems = append(problems, problem{broken, "a client was told: " + err.Error()})
	}
	if h.count() < c.enough {
		problems = append(problems, problem{broken, fmt.Sprintf("only %d operations were acknowledged: that is no load", h.count())})
	}
	return h, append(problems, h.problems...)
}

// Where to cut under load: within a second or two, at any point between a write and its flush.
const (
	loadMoves = 50
	failTime  = 10 * time.Second
)

// fail takes the disk's power away after so many moves, or this time; with risk when something is not flushed, if that
// comes in time.
func (b *box) fail(moves int64, risk bool, atMost time.Duration) {
	select {
	case <-b.disk.FailAfter(moves, risk):
	case <-time.After(atMost):
		<-b.disk.FailAfter(0, false)
	}
}

// look reads everything and compares. Of removals those that are due must be there to be put back.
func (b *box) look(t *testing.T, want map[string]expectation, removals []removal, validity map[string]uint32) (*view, []problem) {
	t.Helper()
	addrs, err := b.ready(t, portsLine)
	if err != nil {
		return nil, []problem{{broken, err.Error()}}
	}
	v, err := readAll(t.Context(), addrs, removals, betweenStarts().retention)
	if err != nil {
		return nil, []problem{{broken, err.Error()}}
	}
	problems := append(surprises(b.boot.Serial()), v.problems...)
	return v, append(problems, judge(want, v.got, validity)...)
}

// judge compares all accounts, and UIDVALIDITYs with those seen before, which it adds to.
func judge(want map[string]expectation, got map[string][]found, validity map[string]uint32) []problem {
	var problems []problem
	for _, name := range people() {
		problems = append(problems, want[name].compare(name, got[name])...)
		for _, g := range got[name] {
			box := name + " " + g.mailbox
			if old, ok := validity[box]; ok && old != g.validity {
				problems = append(problems, problem{wrongUID, fmt.Sprintf("%s has UIDVALIDITY %d, before it was %d", box, g.validity, old)})
			}
			validity[box] = g.validity
		}
	}
	return problems
}

// lying is the same with a disk that only says that it has flushed: mail must get lost, or the test could not see it.
func (p *proof) lying(t *testing.T) {
	b := newBox(t, filepath.Join(p.dir, "lying"), p.first, 1<<30, nil)
	b.on(t, "")
	h, problems := b.cycle(t, cycle{start: empty(), label: "lying", seed: p.seed, enough: 60, fill: liveFill})
	for _, p := range problems {
		t.Error(p)
	}
	loss := b.lose(t)
	b.lie = 0
	b.on(t, "")
	_, problems = b.look(t, h.final(), nil, make(map[string]uint32))
	gone := 0
	for _, p := range problems {
		if p.fault == lost {
			gone++
		}
	}
	t.Logf("control: a disk that lies about flushes: %d operations acknowledged, %d bytes lost; problems: %s", h.count(), loss.Lost, tally(problems))
	if gone == 0 {
		t.Error("a disk that lost everything lost no acknowledged mail: this test would see nothing")
	}
}
