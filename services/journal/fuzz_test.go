package journal

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/sanduk-mail/sanduk/services/journal/crashfs"
)

// FuzzRecover writes garbage somewhere into a log. Opening it must neither fail
// nor panic, and what it gives was really written, in order.
func FuzzRecover(f *testing.F) {
	f.Add(uint16(0), []byte("\x00\x00\x00\x00"))
	f.Add(uint16(100), []byte("SKR1"))
	f.Add(uint16(3000), bytes.Repeat([]byte{0xff}, 100))
	f.Add(uint16(65535), []byte("SKE1SKR1 and so on"))
	f.Fuzz(func(t *testing.T, where uint16, garbage []byte) {
		disk := crashfs.New()
		opts := Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Segment: 1500}
		j, err := Open(disk, opts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			text := strings.Repeat(fmt.Sprint(i), i*20)
			s, err := j.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
			if err != nil {
				t.Fatal(err)
			}
			err = j.Commit(context.Background(), &Entry{Family: FamilyStore, Bodies: []*Staged{s}, Prepare: func(Slot) ([]byte, error) {
				return fmt.Appendf(nil, "%02d", i), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		name := segmentName(j.records.seg.number)
		h, err := disk.OpenFile(name, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		at := headerSize + int64(where)%(disk.Size(name)-headerSize+1)
		if _, err := h.WriteAt(garbage, at); err != nil {
			t.Fatal(err)
		}
		j, err = Open(disk, opts)
		if err != nil {
			t.Fatalf("garbage at %d: %v", at, err)
		}
		defer j.Close()
		last := ""
		err = j.Replay(context.Background(), FamilyStore, 1, func(r Record) error {
			if len(r.Payload) != 2 || string(r.Payload) <= last {
				t.Errorf("record %q behind %q", r.Payload, last)
			}
			last = string(r.Payload)
			return nil
		})
		if err != nil {
			t.Errorf("Replay: %v", err)
		}
	})
}

// FuzzSeal feeds tables of segments to what reads them.
func FuzzSeal(f *testing.F) {
	f.Add(sealPayload([]int64{64, 160, 0, 400}), int64(1000))
	f.Add([]byte{2, 1, 8, 255, 255, 255, 255, 15, 1}, int64(500))
	f.Fuzz(func(t *testing.T, payload []byte, size int64) {
		size = min(max(size, 0), 1<<20)
		offsets, err := decodeSeal(payload, size)
		if err != nil {
			return
		}
		again, err := decodeSeal(sealPayload(offsets), size)
		if err != nil || fmt.Sprint(again) != fmt.Sprint(offsets) {
			t.Errorf("%v came back as %v, %v", offsets, again, err)
		}
	})
}

// FuzzRing writes garbage somewhere into the ring of a box whose power failed.
// Opening it must neither fail nor panic, and what it gives was really written, in
// order; and no garbage decodes to a batch that does not fit its ring.
func FuzzRing(f *testing.F) {
	h := ringHeader{tag: 1, seed: 2, size: leastRing}
	good := make([]byte, batchHeaderSize)
	b := batchHeader{number: 7, tail: 3, segment: 1, offset: headerSize, length: 100}
	b.put(good, &h)
	f.Add(uint16(0), []byte("SANDUKRG"))
	f.Add(uint16(ringBlock), good)
	f.Add(uint16(2*ringBlock+8), []byte{0xff, 0xff, 0xff})
	f.Add(uint16(5*ringBlock), bytes.Repeat([]byte{0}, 2*ringBlock))
	f.Fuzz(func(t *testing.T, where uint16, garbage []byte) {
		if b, err := h.decodeBatch(garbage); err == nil && (b.tail > b.number || b.length > h.size || b.length < 0) {
			t.Errorf("decoded %+v", b)
		}
		_, _ = decodeRingHeader(garbage)
		disk := crashfs.New()
		opts := Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Ring: leastRing}
		j, err := Open(disk, opts)
		if err != nil {
			t.Fatal(err)
		}
		for i := range 12 {
			err = j.Commit(context.Background(), &Entry{Family: FamilyStore, Prepare: func(Slot) ([]byte, error) {
				return fmt.Appendf(nil, "%02d", i), nil
			}})
			if err != nil {
				t.Fatal(err)
			}
		}
		after := disk.Crash(disk.Ops(), crashfs.Some(uint64(where)))
		if err := j.Close(); err != nil { // only for the memory
			t.Fatal(err)
		}
		g, err := after.OpenFile(ringName, os.O_RDWR, 0)
		if err != nil {
			t.Fatal(err)
		}
		garbage = garbage[:min(len(garbage), leastRing)]
		at := int64(where) % (leastRing - int64(len(garbage)) + 1)
		if _, err := g.WriteAt(garbage, at); err != nil {
			t.Fatal(err)
		}
		if j, err = Open(after, opts); err != nil {
			t.Fatalf("%d bytes of garbage at %d: %v", len(garbage), at, err)
		}
		defer j.Close()
		last := ""
		err = j.Replay(context.Background(), FamilyStore, 1, func(r Record) error {
			if len(r.Payload) != 2 || string(r.Payload) <= last {
				t.Errorf("record %q behind %q", r.Payload, last)
			}
			last = string(r.Payload)
			return nil
		})
		if err != nil {
			t.Errorf("Replay: %v", err)
		}
	})
}
