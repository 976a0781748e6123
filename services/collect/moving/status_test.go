package moving

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestRemembered: how far a move is, and that it is done, is known after a restart; one
// that was under way has stopped, and goes on when it is begun again.
func TestRemembered(t *testing.T) {
	t.Parallel()
	p := newProvider(t)
	for i := range batchMessages + 5 {
		p.put("INBOX", letter(fmt.Sprintf("m%d", i)), 1)
	}
	h := newHome(t, p)
	var under []Status // as a cut between two batches leaves them
	h.mover.o.Pause = func(context.Context, time.Duration) error {
		list, err := h.ix.statuses()
		if err != nil || len(list) != 1 {
			t.Errorf("statuses = %+v, %v; want one", list, err)
			return nil
		}
		under = append(under, list[0])
		return nil
	}
	done := h.move()
	if done.State != Done || done.Copied != batchMessages+5 {
		t.Fatalf("%+v", done)
	}
	if len(under) != 2 || under[0].State != Waiting || under[0].Copied != 0 || under[1].Copied == 0 || !under[1].Ended.IsZero() {
		t.Fatalf("on disk meanwhile: %+v", under)
	}
	again := func() Status {
		t.Helper()
		h.close()
		h.open()
		list := h.mover.List()
		if len(list) != 1 {
			t.Fatalf("after a restart: %+v; want one move", list)
		}
		return list[0]
	}
	same := func(s Status) string { // times come back without the monotonic clock's reading
		s.Began, s.Ended = s.Began.UTC().Round(0), s.Ended.UTC().Round(0)
		return fmt.Sprintf("%+v", s)
	}
	if got := again(); same(got) != same(done) {
		t.Errorf("after a restart\n got %+v\nwant %+v", got, done)
	}
	p.must(h.ix.keepStatus(under[1]))
	got := again()
	if got.State != Stopped || got.Ended.IsZero() || got.Copied != under[1].Copied || !strings.Contains(got.Problem, "Begin again") {
		t.Errorf("cut off: %+v; want that it has stopped", got)
	}
	if s := h.move(); s.State != Done || s.Copied != 0 {
		t.Errorf("begun again: %+v", s)
	}
	if got := again(); got.State != Done || got.Problem != "" {
		t.Errorf("after another restart: %+v; want done", got)
	}
}

func FuzzDecodeStatus(f *testing.F) {
	f.Add([]byte("\x01{\"Account\":1,\"State\":\"done\"}"))
	f.Add([]byte("\x02{}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := decodeStatus(b); !ok && !reflect.DeepEqual(s, Status{}) {
			t.Errorf("%q is no status, and gives %+v", b, s)
		}
	})
}
