package powercut

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/image/disk"
	"github.com/sanduk-mail/sanduk/image/nbd"
	"github.com/sanduk-mail/sanduk/image/variant"
	"github.com/sanduk-mail/sanduk/image/vm"
	"github.com/sanduk-mail/sanduk/platform/durable"
	"github.com/sanduk-mail/sanduk/platform/update"
)

// shortUpdateCuts is how often the power is cut in the short form, in each of the two recordings.
const shortUpdateCuts = 40

// nextVersion is the version that the box is updated to.
const nextVersion update.Version = "99.1.0"

// updating is a box that is updated, with what its boot partition did.
type updating struct {
	dir  string
	sums map[update.Version][32]byte // of the kernel images
}

// TestUpdatePowerCut records what a box writes while an update is installed, tried and blessed, by PID 1 and by the
// loader, and cuts the power at moments drawn from that: what firmware then reads of the boot partition begins with a
// whole version, and so it does behind the disk check and the tidying that follow.
func TestUpdatePowerCut(t *testing.T) {
	need(t)
	t.Parallel()
	u := &updating{dir: scratch(t), sums: map[update.Version][32]byte{}}
	b := newBox(t, filepath.Join(u.dir, "vm"), filepath.Join(build, image), 0, nil)
	if err := b.SetDirect(nil); err != nil {
		t.Fatal(err)
	}
	if err := b.PutESP("setup.json", []byte(provisioning)); err != nil {
		t.Fatal(err)
	}
	b.on(t, "")
	if _, err := b.ready(t, runningLine); err != nil {
		t.Fatal(err)
	}
	b.off(t)

	bundle := u.versions(t)
	install := u.record(t, b, "install", func(at addresses) {
		p, err := signIn(t.Context(), at.https)
		if err != nil {
			t.Fatal(err)
		}
		defer p.close()
		if err := offer(t, p, bundle); err != nil {
			t.Fatal(err)
		}
		b.wait(t, `(?m)^sanduk: update 99\.1\.0 installed$`)
	})
	trial := u.record(t, b, "trial", func(addresses) { b.wait(t, `(?m)^sanduk: version 99\.1\.0 blessed$`) })

	cuts := number(t, "SANDUK_UPDATE_CUTS", shortUpdateCuts)
	if os.Getenv("SANDUK_LONG") != "" {
		cuts = max(cuts, 1000)
	}
	seen := map[string]int{}
	for _, r := range []*espRecording{install, trial} {
		u.cut(t, r, cuts, seen)
	}
	t.Logf("figures: %d power cuts while an update was installed and tried, each time a whole version is started: %v", 2*cuts, seen)
}

// versions notes what the kernel images are, and returns the update.
func (u *updating) versions(t *testing.T) []byte {
	t.Helper()
	built, err := os.ReadFile(filepath.Join(build, name+".efi"))
	if err != nil {
		t.Fatal(err)
	}
	next, err := variant.Kernel(built, nextVersion, nil)
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := variant.Bundle(build, variant.Manifest(nextVersion, time.Now()), next)
	if err != nil {
		t.Fatal(err)
	}
	u.sums[nextVersion] = sha256.Sum256(next)
	u.sums[""] = sha256.Sum256(built) // its version is read from the partition
	return bundle
}

// offer sends the update.
func offer(t *testing.T, p *pages, bundle []byte) error {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.base+"/api/update", bytes.NewReader(bundle))
	if err != nil {
		return err
	}
	r.AddCookie(p.cookie)
	answer, err := p.client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if text, err := io.ReadAll(answer.Body); err != nil || answer.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the update is answered with %s %s (%v)", answer.Status, text, err)
	}
	return nil
}

// wait waits for a line of the boot log.
func (b *box) wait(t *testing.T, line string) {
	t.Helper()
	if _, err := b.boot.WaitSerial(t.Context(), regexp.MustCompile(line), bootTime); err != nil {
		t.Fatal(err)
	}
}

// espRecording is what the boot partition was, and what was written from then on.
type espRecording struct{ base, trace string }

// record switches the box on, has it do something, and off again, and records.
func (u *updating) record(t *testing.T, b *box, what string, do func(addresses)) *espRecording {
	t.Helper()
	r := &espRecording{filepath.Join(u.dir, what+".esp"), filepath.Join(u.dir, what+".trace")}
	if err := copyPart(r.base, b.Disk(), disk.ESPStart, disk.ESPSize); err != nil {
		t.Fatal(err)
	}
	b.on(t, r.trace)
	at, err := b.ready(t, portsLine)
	if err != nil {
		t.Fatal(err)
	}
	do(at)
	b.off(t)
	return r
}

// cut cuts the power of a recording again and again.
func (u *updating) cut(t *testing.T, r *espRecording, cuts int, seen map[string]int) {
	t.Helper()
	trace, err := nbd.OpenTrace(r.trace)
	if err != nil {
		t.Fatal(err)
	}
	defer trace.Close()
	dir := inMemory(t)
	base := filepath.Join(dir, "base")
	if err := vm.CopySparse(base, r.base); err != nil {
		t.Fatal(err)
	}
	replay, err := nbd.NewReplay(trace, base, disk.ESPStart, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer replay.Close()
	random := rand.New(rand.NewPCG(uint64(number(t, "SANDUK_SEED", 1)), 7))
	places := u.places(trace, cuts, random)
	workers := max(2, runtime.GOMAXPROCS(0)/2)
	free := make(chan string, workers)
	for i := range workers {
		free <- filepath.Join(dir, fmt.Sprintf("cut%d", i))
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	for _, place := range places {
		image, seed := <-free, random.Uint64()
		if err := replay.Go(place); err != nil {
			t.Fatal(err)
		}
		if err := vm.CopySparse(image, base); err != nil {
			t.Fatal(err)
		}
		if _, err := replay.Cut(image, seed); err != nil {
			t.Fatal(err)
		}
		all.Go(func() {
			started, err := u.look(image)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Errorf("%s, cut behind move %d of %d, seed %d: %v", filepath.Base(r.trace), place, trace.Moves(), seed, err)
			}
			seen[started]++
			free <- image
		})
	}
	all.Wait()
}

// places draws moments: half of them among the moves that touch the boot partition, since a box writes much else.
func (u *updating) places(trace *nbd.Trace, n int, random *rand.Rand) []int64 {
	touching := trace.Touching(disk.ESPStart, disk.ESPSize)
	list := make([]int64, 0, n)
	for len(list) < n {
		if len(touching) > 0 && random.IntN(8) > 0 {
			list = append(list, touching[random.IntN(len(touching))]+int64(random.IntN(2)))
			continue
		}
		list = append(list, random.Int64N(trace.Moves()+1))
	}
	slices.Sort(list)
	return list
}

// look says which version the loader starts from a boot partition, as it is and behind what PID 1 does about it.
func (u *updating) look(image string) (string, error) {
	started, esp, err := u.starts(image)
	if err != nil {
		return "", err
	}
	defer esp.Close()
	if out, err := exec.Command("fsck.fat", "-a", image).CombinedOutput(); exitCode(err) > 1 {
		return "", fmt.Errorf("fsck.fat: %w: %s", err, out)
	}
	checked, after, err := u.starts(image)
	if err != nil {
		return "", fmt.Errorf("behind the disk check: %w", err)
	}
	defer after.Close()
	if checked.Version != started.Version {
		return "", fmt.Errorf("%s was started, and behind the disk check it would be %s", started.Name, checked.Name)
	}
	if err := update.Tidy(after, checked.Version); err != nil {
		return "", err
	}
	list, err := update.List(after)
	if err != nil {
		return "", err
	}
	if len(list) == 0 || list[0].Version != checked.Version || u.whole(after, list[0]) != nil {
		return "", fmt.Errorf("behind tidying up %s would not be started again: %+v", checked.Name, list)
	}
	return string(started.Version), nil
}

// starts reads a boot partition and returns the version that the loader starts, and a copy of its files.
func (u *updating) starts(image string) (update.Entry, *durable.OS, error) {
	dir := image + ".d"
	if err := os.RemoveAll(dir); err != nil {
		return update.Entry{}, nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, update.Dir), 0o700); err != nil {
		return update.Entry{}, nil, err
	}
	// What has no name that the loader looks for is read by nobody, and may well be half written.
	copying := exec.Command("mcopy", "-i", image, "::"+update.Dir+"/*.efi", filepath.Join(dir, update.Dir))
	copying.Env = append(os.Environ(), "MTOOLS_SKIP_CHECK=1", "TZ=UTC")
	if out, err := copying.CombinedOutput(); err != nil {
		return update.Entry{}, nil, fmt.Errorf("the boot partition can't be read: %w: %s", err, out)
	}
	esp, err := durable.NewOS(dir)
	if err != nil {
		return update.Entry{}, nil, err
	}
	list, err := update.List(esp)
	if err != nil {
		return update.Entry{}, nil, err
	}
	for _, e := range list {
		if e.Size == 0 {
			continue // the firmware passes it over
		}
		return e, esp, u.whole(esp, e)
	}
	return update.Entry{}, nil, fmt.Errorf("nothing can be started: %+v", list)
}

// whole says whether a version's kernel image is as it was built.
func (u *updating) whole(esp *durable.OS, e update.Entry) error {
	data, err := os.ReadFile(esp.Path(update.Dir + "/" + e.Name))
	if err != nil {
		return err
	}
	want, ok := u.sums[e.Version]
	if !ok {
		want = u.sums[""]
	}
	if sha256.Sum256(data) != want {
		return fmt.Errorf("%s is not whole (%d bytes)", e.Name, len(data))
	}
	return nil
}
