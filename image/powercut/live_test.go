package powercut

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/nbd"
)

// live is what the machines have in common that are cut side by side.
type live struct {
	*proof
	began    time.Time
	machines int

	mu         sync.Mutex
	left       int // cuts still to begin; guarded by mu, as what follows
	cuts       int // done and looked at
	early      int // of starts
	firmware   int // starts by firmware and loader
	stalls     int // starts that were made once more, see one.start, and looks that were given up, see one.look
	operations int
	faults     []problem
	into       phases
}

// liveFill is how many letters an account holds: each is read after each cut.
const liveFill = 40

// machines is how many run side by side: one processor is left for the load and the looking.
func machines() int { return max(1, min(3, runtime.NumCPU()-1)) }

// machine cuts the power of running boxes again and again.
func (p *proof) machine(t *testing.T) {
	cuts := number(t, "SANDUK_CUTS", shortCuts)
	// The first cut is that of the recording.
	l := &live{proof: p, began: time.Now(), left: cuts - 1, operations: p.h.count(), into: make(phases)}
	l.machines = min(number(t, "SANDUK_MACHINES", machines()), max(1, cuts/8))
	t.Run("side by side", func(t *testing.T) {
		for i := range l.machines {
			t.Run(fmt.Sprint(i+1), func(t *testing.T) {
				t.Parallel()
				for disk := 0; l.run(t, i+1, disk) && disk < maxStalls; disk++ {
					t.Logf("STALLED: machine %d begins anew", i+1)
				}
			})
		}
	})
	t.Logf("figures: %s", l.figures())
}

// figures says how far it has come.
func (l *live) figures() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := make(map[fault]int)
	surprises := 0
	for _, p := range l.faults {
		n[p.fault]++
		if p.fault != lost && p.fault != torn {
			surprises++
		}
	}
	took := time.Since(l.began)
	return fmt.Sprintf("%d cuts under load and %d during the start, on %d machines side by side, with %d starts by firmware and %d that the emulator spoilt; "+
		"%d operations acknowledged, %d lost, %d torn, %d surprises; %v, %.1f s a cut; they fell into: %v",
		l.cuts, l.early, l.machines, l.firmware, l.stalls, l.operations, n[lost], n[torn], surprises, took.Round(time.Second),
		took.Seconds()/float64(max(1, l.cuts+l.early)), l.into)
}

// take gives the next cut to make, if there is one.
func (l *live) take() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.left--
	return l.left >= 0
}

// note adds what a cut gave to the figures, and fails the test if that are problems.
func (l *live) note(t *testing.T, when string, problems []problem, into []phase) bool {
	t.Helper()
	report(t, when, problems)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.faults = append(l.faults, problems...)
	l.into.add(into)
	return len(problems) == 0
}

// one is one of the machines, from cut to cut.
type one struct {
	*live
	*box
	number   int
	disk     int // how often it has begun anew
	stalled  bool
	r        *rand.Rand
	shm      string
	validity map[string]uint32
	h        *history
	removals []removal
	cuts     int
	times    stopwatch // since the last cut was looked at
}

// run has one machine cut until there are no cuts left, or something is wrong: then its disk is kept as it is. It reports
// whether that was the emulator's doing.
func (l *live) run(t *testing.T, number, disk int) (stalled bool) {
	pace := betweenStarts()
	m := &one{
		live: l, box: newBox(t, filepath.Join(l.dir, fmt.Sprintf("machine%d", number+100*disk)), l.cut, 0, &pace), number: number, disk: disk,
		r: rand.New(rand.NewPCG(l.seed, 10+uint64(number+100*disk))), shm: inMemory(t), validity: make(map[string]uint32), h: l.h, times: newStopwatch(),
	}
	for {
		v, ok := m.look(t)
		if !ok {
			return m.stalled
		}
		if !l.take() {
			break
		}
		if !m.load(t, v) {
			return false
		}
		if m.r.IntN(3) == 0 && !m.again(t) {
			return false
		}
	}
	m.box.off(t)
	return false
}

// firmwareShare is one in how many starts goes through firmware and loader, which take as long as everything else.
const firmwareShare = 10

// look starts the box after a cut and looks at everything. Where the emulated processor stood still meanwhile and the box
// could not answer for that reason, nothing is said of this cut: looking puts letters back, so that it can't be done once
// more, and the machine begins anew.
func (m *one) look(t *testing.T) (*view, bool) {
	byFirmware := m.cuts%firmwareShare == firmwareShare-1
	if err := m.start(t, byFirmware); err != nil {
		m.note(t, m.name(), []problem{{broken, err.Error()}}, nil)
		return nil, false
	}
	m.times.lap("start")
	m.removals = m.due()
	v, problems := m.box.look(t, m.h.final(), m.removals, m.validity)
	m.times.lap("look")
	if line := stall(m.boot.Serial()); line != "" && len(problems) > 0 && !slices.ContainsFunc(problems, func(p problem) bool { return p.fault != broken }) {
		m.stalled = true
		m.live.mu.Lock()
		m.stalls++
		m.live.mu.Unlock()
		t.Logf("STALLED: %s can't be looked at: the emulated processor stood still: %s: %v", m.name(), line, problems)
		m.cut(t, m.r.Uint64())
		return nil, false
	}
	ok := m.note(t, m.name(), problems, nil)
	m.live.mu.Lock()
	m.live.cuts++
	if (m.number > 1 || m.disk > 0) && m.cuts == 0 {
		m.live.cuts-- // the recording's, which the first machine counts
	}
	if byFirmware {
		m.firmware++
	}
	m.live.mu.Unlock()
	seen := ""
	if v != nil {
		seen = v.times.String()
	}
	t.Logf("%s looked at: %d problems; %v (%s)", m.name(), len(problems), &m.times, seen)
	t.Logf("so far: %s", m.figures())
	m.times = newStopwatch()
	return v, ok
}

// maxStalls is how often a start that the emulator has spoilt is made once more.
const maxStalls = 2

// start switches the box on and waits until it answers. Where the guest's processor stood still meanwhile, as an emulated
// one does on a busy machine once in some hundred starts, the box can't be blamed: the power is cut and it is started
// once more. Nobody has read or written anything by then, so what must be there is the same.
func (m *one) start(t *testing.T, byFirmware bool) error {
	for stalls := 0; ; stalls++ {
		if byFirmware {
			m.onByFirmware(t)
		} else {
			m.on(t, "")
		}
		_, err := m.ready(t, portsLine)
		line := stall(m.boot.Serial())
		if err == nil || line == "" || stalls == maxStalls {
			return err
		}
		m.live.mu.Lock()
		m.stalls++
		m.live.mu.Unlock()
		t.Logf("STALLED: %s: %v: the emulated processor stood still, and the box is started once more: %s", m.name(), err, line)
		m.cut(t, m.r.Uint64())
	}
}

func (m *one) name() string { return fmt.Sprintf("cut %d of machine %d", m.cuts, m.number) }

// due are the removals that the box must be able to take back now. The recorded box kept them for a shorter time.
func (m *one) due() []removal {
	list := slices.Clone(m.removals)
	if m.cuts > 0 {
		list = append(list, m.h.removalsAt(never-1)...)
	}
	return due(list, time.Now(), betweenStarts().retention)
}

// load puts the box under load and cuts.
func (m *one) load(t *testing.T, v *view) bool {
	start := make(map[string]account)
	for name, list := range v.after {
		start[name] = hold(list)
	}
	m.cuts++
	var problems []problem
	m.h, problems = m.cycle(t, cycle{
		start: start, before: m.h, label: fmt.Sprintf("m%dc%d", m.number, m.cuts), seed: m.r.Uint64(), enough: 40 + m.r.IntN(150), fill: liveFill,
	})
	m.times.lap("load")
	loss := m.cut(t, m.r.Uint64())
	m.live.mu.Lock()
	m.operations += m.h.count()
	m.live.mu.Unlock()
	ok := m.note(t, m.name()+", load", problems, nil)
	ok = m.inspect(t, m.name(), loss, nil) && ok
	m.times.lap("inspection")
	t.Logf("%s: %d operations acknowledged; %d of %d unflushed bytes lost", m.name(), m.h.count(), loss.Lost, loss.AtRisk)
	return ok
}

// again cuts once more while the box starts, perhaps in the middle of recovering.
func (m *one) again(t *testing.T) bool {
	m.on(t, "")
	m.fail(m.r.Int64N(startMoves), false, startTime)
	loss := m.cut(t, m.r.Uint64())
	ok := m.inspect(t, m.name()+", cut again during the start", loss, []phase{starting})
	m.live.mu.Lock()
	m.early++
	m.live.mu.Unlock()
	m.times.lap("a start that was cut")
	return ok
}

// inspect looks at what a cut left on a copy of the data partition, without the machine.
func (m *one) inspect(t *testing.T, when string, loss nbd.Loss, into []phase) bool {
	t.Helper()
	from, size, err := partition(m.Disk())
	if err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(m.shm, "cut")
	if err := copyPart(image, m.Disk(), from, size); err != nil {
		t.Fatal(err)
	}
	var at []nbd.Range
	for _, r := range loss.Where {
		if r.Off >= from && r.Off < from+size {
			at = append(at, nbd.Range{Off: r.Off - from, N: r.N})
		}
	}
	o := inspect(t.Context(), image, at)
	if o.err != nil {
		t.Fatal(o.err)
	}
	problems := o.problems
	if o.reading != nil {
		problems = append(problems, judge(m.h.final(), o.got, make(map[string]uint32))...)
		problems = append(problems, o.compareUndo(m.due())...)
	}
	return m.note(t, when+", its disk", problems, append(o.phases, into...))
}
