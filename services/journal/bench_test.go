package journal

import (
	"context"
	"encoding/base64"
	"io"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sanduk-mail/sanduk/platform/durable"
)

// attachment is what a mail with an incompressible file looks like.
func attachment(n int) string {
	r := rand.New(rand.NewPCG(1, 1))
	raw := make([]byte, n/4*3)
	for i := range raw {
		raw[i] = byte(r.Uint32())
	}
	var b strings.Builder
	text := base64.StdEncoding.EncodeToString(raw)
	for len(text) > 76 {
		b.WriteString(text[:76] + "\r\n")
		text = text[76:]
	}
	return b.String()
}

// BenchmarkFrames measures compressing and reading back, and what it saves.
func BenchmarkFrames(b *testing.B) {
	enc, dec, err := newCodec(1)
	if err != nil {
		b.Fatal(err)
	}
	for name, text := range map[string]string{
		"prose":  strings.Repeat("The quick brown fox jumps over the lazy dog, as it has done for ages.\r\n", 15000),
		"base64": attachment(1 << 20),
	} {
		b.Run(name+"/pack", func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			stored := 0
			for b.Loop() {
				w := frameWriter{enc: enc}
				stored = 0
				for {
					f, err := w.next(strings.NewReader(text), int64(len(text)))
					if err != nil {
						b.Fatal(err)
					}
					if f == nil {
						break
					}
					stored += len(f)
				}
			}
			b.ReportMetric(100*float64(stored)/float64(len(text)), "%size")
		})
		b.Run(name+"/unpack", func(b *testing.B) {
			packed := enc.EncodeAll([]byte(text[:frameSize]), nil)
			b.SetBytes(frameSize)
			var out []byte
			for b.Loop() {
				if out, err = dec.DecodeAll(packed, out[:0]); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBesideLarge measures how long a small commit takes, alone and while
// somebody brings a 20 MiB body again and again.
func BenchmarkBesideLarge(b *testing.B) {
	for _, beside := range []bool{false, true} {
		name := map[bool]string{false: "alone", true: "beside"}[beside]
		b.Run(name, func(b *testing.B) {
			files, err := durable.NewOS(b.TempDir())
			if err != nil {
				b.Fatal(err)
			}
			defer files.Close()
			j, err := Open(files, Options{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
			if err != nil {
				b.Fatal(err)
			}
			defer j.Release()
			defer j.Close()
			stop, stopped := make(chan struct{}), make(chan struct{})
			go func() {
				defer close(stopped)
				large := attachment(20 << 20)
				for beside {
					select {
					case <-stop:
						return
					default:
					}
					s, err := j.Stage(context.Background(), nil, strings.NewReader(large), int64(len(large)))
					if err == nil {
						err = j.Commit(context.Background(), &Entry{Bodies: []*Staged{s}, Prepare: func(Slot) ([]byte, error) { return []byte("x"), nil }})
					}
					if err != nil {
						b.Error(err)
						return
					}
				}
			}()
			var took []time.Duration
			for b.Loop() {
				begin := time.Now()
				if err := j.Commit(context.Background(), &Entry{Prepare: func(Slot) ([]byte, error) { return []byte("small"), nil }}); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			close(stop)
			<-stopped
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}

// BenchmarkBesideCompaction measures how long a commit of a 4 KiB message takes,
// alone and while segments are rewritten at the pace of every day, in turns of
// the same run, so that both see the same disk.
func BenchmarkBesideCompaction(b *testing.B) {
	files, err := durable.NewOS(b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer files.Close()
	j, err := Open(files, Options{Logger: slog.New(slog.DiscardHandler), Segment: 8 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Release()
	defer j.Close()
	text := attachment(32 << 10)
	var old []BodyRef
	for len(old) < 2000 {
		old = append(old, commitBody(b, j, text))
	}
	small := attachment(4 << 10)
	var alone, beside []time.Duration
	round, worked, took := 0, int64(0), time.Duration(0)
	for b.Loop() {
		alone = append(alone, commitsTook(b, j, small, 2000)...)
		round++
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		pace := j.Pace(BackgroundRate)
		go func() {
			defer close(done)
			// All but a 64th more of each segment lives, so that nearly all is copied.
			_, err := j.Compact(ctx, Compaction{Owners: []Owner{allBut(old, round)}, Share: 1e-9, Pace: func(ctx context.Context, n int64) error {
				worked += n
				return pace(ctx, n)
			}})
			if err != nil && ctx.Err() == nil {
				b.Error(err)
			}
		}()
		begin := time.Now()
		beside = append(beside, commitsTook(b, j, small, 2000)...)
		cancel()
		<-done
		took += time.Since(begin)
	}
	slices.Sort(alone)
	slices.Sort(beside)
	at := func(d []time.Duration, percent int) float64 { return float64(d[len(d)*percent/100].Microseconds()) }
	b.ReportMetric(at(alone, 50), "µs-median-alone")
	b.ReportMetric(at(beside, 50), "µs-median-beside")
	b.ReportMetric(at(alone, 99), "µs-p99-alone")
	b.ReportMetric(at(beside, 99), "µs-p99-beside")
	b.ReportMetric(at(beside, 99)/at(alone, 99), "p99-ratio")
	b.ReportMetric(float64(worked)/took.Seconds()/(1<<20), "MiB/s-compacted")
}

func commitBody(b *testing.B, j *Journal, text string) (ref BodyRef) {
	s, err := j.Stage(context.Background(), nil, strings.NewReader(text), int64(len(text)))
	if err == nil {
		err = j.Commit(context.Background(), &Entry{Bodies: []*Staged{s}, Prepare: func(at Slot) ([]byte, error) {
			ref = at.Bodies[0]
			return []byte("x"), nil
		}})
	}
	if err != nil {
		b.Fatal(err)
	}
	return ref
}

func commitsTook(b *testing.B, j *Journal, text string, n int) (took []time.Duration) {
	for range n {
		begin := time.Now()
		commitBody(b, j, text)
		took = append(took, time.Since(begin))
	}
	return took
}

// some are the bodies that live.
type some func(note func(BodyRef))

func (s some) Live(_ context.Context, note func(BodyRef)) error {
	s(note)
	return nil
}

func allBut(refs []BodyRef, round int) some {
	return func(note func(BodyRef)) {
		for i, ref := range refs {
			if i%64 >= round%64 {
				note(ref)
			}
		}
	}
}
