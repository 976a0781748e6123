package boot

import (
	"errors"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/disk"
	"github.com/sanduk-mail/sanduk/platform/smart"
)

// TestPhysician: a disk is not asked all the time, one that hangs holds nobody else up,
// and one that failed to answer is asked again.
func TestPhysician(t *testing.T) {
	t.Parallel()
	d := disk.Disk{Name: "sda", Model: "M", Serial: "S"}
	var p physician
	asked, answer, trouble := 0, smart.Report{Hours: 1}, error(nil)
	read := func(disk.Disk) (smart.Report, error) { asked++; return answer, trouble }
	now := time.Unix(1_800_000_000, 0)
	trouble = errors.New("no such device")
	if _, err := p.ask(now, d, read); err == nil {
		t.Error("a disk that is gone: no error")
	}
	trouble = nil
	for range 3 {
		if h, err := p.ask(now, d, read); err != nil || !h.Known || h.Hours != 1 || h.Model != "M" {
			t.Errorf("%+v, %v", h, err)
		}
	}
	if asked != 2 {
		t.Errorf("asked %d times; want twice", asked)
	}
	now, trouble = now.Add(smartEvery), smart.ErrSilent
	if h, err := p.ask(now, d, read); err != nil || h.Known || h.Serial != "S" {
		t.Errorf("a disk that says nothing: %+v, %v", h, err)
	}
	now, trouble = now.Add(smartEvery), nil
	hangs := func(disk.Disk) (smart.Report, error) {
		if h, err := p.ask(now, d, read); err != nil || h.Known {
			t.Errorf("while it hangs: %+v, %v; want what it said before", h, err)
		}
		return answer, nil
	}
	if h, err := p.ask(now, d, hangs); err != nil || !h.Known {
		t.Errorf("then: %+v, %v", h, err)
	}
}
