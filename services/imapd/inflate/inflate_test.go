package inflate

import (
	"bytes"
	"compress/flate"
	"encoding/hex"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
)

// blocking gives one piece after another and fails the test where it is asked for
// one that a client would send only after it has seen the answer to those before.
type blocking struct {
	t      *testing.T
	pieces chan []byte
	left   []byte
}

func (b *blocking) Read(p []byte) (int, error) {
	if len(b.left) == 0 {
		select {
		case b.left = <-b.pieces:
		default:
			b.t.Fatal("waits for more, though everything that was asked for could be decoded")
		}
	}
	n := copy(p, b.left)
	b.left = b.left[n:]
	return n, nil
}

// recorded are the streams of testdata: lines of "hex text", each a piece that ends
// with a flush and what it inflates to.
func recorded(t testing.TB, name string) (pieces [][]byte, texts []string) {
	t.Helper()
	all, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(all)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		code, text, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		piece, err := hex.DecodeString(code)
		if err != nil {
			t.Fatal(err)
		}
		pieces, texts = append(pieces, piece), append(texts, strings.ReplaceAll(text, `\r\n`, "\r\n"))
	}
	return pieces, texts
}

// TestFlushes: what zlib has flushed, in whatever way, is given out without a byte more,
// whole or byte by byte.
func TestFlushes(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.zlib")
	if err != nil || len(files) < 4 {
		t.Fatalf("recorded streams: %q, %v", files, err)
	}
	for _, name := range files {
		pieces, texts := recorded(t, name)
		for _, bytewise := range []bool{false, true} {
			answers(t, name, pieces, texts, bytewise)
		}
	}
}

// answers inflates each piece before it lets the next come.
func answers(t *testing.T, name string, pieces [][]byte, texts []string, bytewise bool) {
	t.Helper()
	src := &blocking{t: t, pieces: make(chan []byte, 1<<20)}
	r := NewReader(src)
	for i, piece := range pieces {
		if bytewise {
			for j := range piece {
				src.pieces <- piece[j : j+1]
			}
		} else {
			src.pieces <- piece
		}
		got := make([]byte, len(texts[i]))
		if _, err := io.ReadFull(r, got); err != nil || string(got) != texts[i] {
			t.Fatalf("%s, piece %d, bytewise %v: got %q, %v; want %q", name, i, bytewise, got, err, texts[i])
		}
	}
	if err := r.Finish(); err != nil || len(src.left)+len(src.pieces) > 0 {
		t.Fatalf("%s, bytewise %v: the last flush: %v, and %d bytes are left", name, bytewise, err, len(src.left)+len(src.pieces))
	}
}

// TestZlib lets the zlib of this machine compress a random conversation with every
// level, strategy and flush.
func TestZlib(t *testing.T) {
	t.Parallel()
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here; the recorded streams say the same")
	}
	rnd := rand.New(rand.NewPCG(4978, 1))
	var in strings.Builder
	var texts []string
	for range 300 {
		text := conversation(rnd)
		texts = append(texts, text)
		in.WriteString(hex.EncodeToString([]byte(text)) + "\n")
	}
	for _, how := range []string{"0,0,1", "1,0,1", "6,0,1", "9,0,1", "6,4,1", "6,2,1", "6,3,2", "6,0,2", "6,0,3", "0,0,2"} {
		cmd := exec.Command(python, "-c", `
import sys, zlib
level, strategy, flush = map(int, sys.argv[1].split(","))
z = zlib.compressobj(level, zlib.DEFLATED, -15, 8, strategy)
for line in sys.stdin:
    print((z.compress(bytes.fromhex(line.strip())) + z.flush(flush)).hex())
`, how)
		cmd.Stdin = strings.NewReader(in.String())
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var pieces [][]byte
		for line := range strings.Lines(string(out)) {
			piece, err := hex.DecodeString(strings.TrimSpace(line))
			if err != nil {
				t.Fatal(err)
			}
			pieces = append(pieces, piece)
		}
		answers(t, "level,strategy,flush "+how, pieces, texts, false)
	}
}

// conversation is a few bytes, or many; like what came before, or noise.
func conversation(rnd *rand.Rand) string {
	if rnd.IntN(20) == 0 {
		noise := make([]byte, rnd.IntN(70_000)+1)
		for i := range noise {
			noise[i] = byte(rnd.Uint32())
		}
		return string(noise)
	}
	words := []string{"FETCH", "UID", "1:*", "(FLAGS)", "BODY.PEEK[]", "SELECT", "INBOX", "ä", "IDLE", "DONE", "\r\n", "x"}
	var b strings.Builder
	for range rnd.IntN(40) + 1 {
		b.WriteString(words[rnd.IntN(len(words))] + " ")
	}
	return strings.Repeat(b.String(), 1+rnd.IntN(3)*rnd.IntN(200))
}

// FuzzReader compares with compress/flate, whatever comes, in pieces of any size.
func FuzzReader(f *testing.F) {
	for _, name := range []string{"testdata/mbsync.zlib", "testdata/sync.zlib"} {
		pieces, _ := recorded(f, name)
		f.Add(bytes.Join(pieces, nil), uint8(3))
	}
	rnd := rand.New(rand.NewPCG(1951, 1))
	for level := -2; level <= 9; level++ {
		var b bytes.Buffer
		w, err := flate.NewWriter(&b, level)
		if err != nil {
			f.Fatal(err)
		}
		for range 10 {
			_, _ = io.WriteString(w, conversation(rnd))
			_ = w.Flush()
		}
		_ = w.Close()
		f.Add(b.Bytes(), uint8(level+3))
	}
	f.Add([]byte("\x05\xe0\x81\x00\x00\x00\x00\x00\x00\x20"), uint8(1))
	f.Fuzz(func(t *testing.T, in []byte, size uint8) {
		const most = 1 << 20
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(in)), most))
		src := io.Reader(bytes.NewReader(in))
		if size%2 == 0 {
			src = iotest.OneByteReader(src)
		}
		r := io.LimitReader(NewReader(src), most)
		var got bytes.Buffer
		_, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, int(size)+1))
		if (err == nil) != (wantErr == nil) || errors.Is(err, ErrCorrupt) == errors.Is(err, io.ErrUnexpectedEOF) && err != nil {
			t.Fatalf("error: got %v, want as %v", err, wantErr)
		}
		if err == nil && !bytes.Equal(got.Bytes(), want) {
			t.Fatalf("got %d bytes, want %d others", got.Len(), len(want))
		}
		if err != nil && !bytes.HasPrefix(got.Bytes(), want) { // ours may give out more before an error
			t.Fatalf("before the error: got %d bytes, want these %d first", got.Len(), len(want))
		}
	})
}

// TestErrors: what the stream says wrong, and what ends.
func TestErrors(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken line")
	for _, c := range []struct {
		what string
		src  io.Reader
		want error
	}{
		{"a kind that does not exist", strings.NewReader("\x07"), ErrCorrupt},
		{"a stored length that contradicts itself", strings.NewReader("\x01\x01\x00\x01\x00x"), ErrCorrupt},
		{"a match before the beginning", strings.NewReader("\x03\x02\x00\x00"), ErrCorrupt},
		{"the end between two blocks", strings.NewReader("\x00\x00\x00\xff\xff"), io.ErrUnexpectedEOF},
		{"the end after the last", strings.NewReader("\x01\x00\x00\xff\xffrest"), io.EOF},
		{"nothing", strings.NewReader(""), io.ErrUnexpectedEOF},
		{"a line that breaks", iotest.ErrReader(broken), broken},
	} {
		r := NewReader(c.src)
		for range 2 { // it stays
			if n, err := r.Read(make([]byte, 100)); n != 0 || !errors.Is(err, c.want) {
				t.Errorf("%s: got %d, %v; want %v", c.what, n, err, c.want)
			}
		}
	}
}

// TestMemory: a Reader that has read a few commands holds next to nothing, and one that
// has read much holds its window and no tables.
func TestMemory(t *testing.T) {
	const readers = 1000
	few, _ := recorded(t, "testdata/mbsync.zlib")
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, flate.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	for b.Len() < 40<<10 {
		_, _ = io.WriteString(w, conversation(rnd))
	}
	_ = w.Flush()
	for _, c := range []struct {
		what string
		in   []byte
		most int64
	}{{"a few commands", bytes.Join(few, nil), 2 << 10}, {"a large message", b.Bytes(), 34 << 10}} {
		hold := make([]*Reader, readers)
		before := heap()
		for i := range hold {
			hold[i] = NewReader(bytes.NewReader(c.in))
			if n, err := io.Copy(io.Discard, hold[i]); n == 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Fatalf("%s: read %d, %v", c.what, n, err)
			}
			hold[i].src = nil
		}
		each := (heap() - before) / readers
		runtime.KeepAlive(hold)
		t.Logf("%s: %d bytes", c.what, each)
		if each > c.most {
			t.Errorf("after %s a Reader holds %d bytes, want %d at most", c.what, each, c.most)
		}
	}
}

func heap() int64 {
	for range 2 {
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// BenchmarkReader beside compress/flate, which waits where we may not.
func BenchmarkReader(b *testing.B) {
	var in bytes.Buffer
	w, err := flate.NewWriter(&in, 6)
	if err != nil {
		b.Fatal(err)
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	size := 0
	for size < 4<<20 {
		n, _ := io.WriteString(w, conversation(rnd))
		size += n
	}
	_ = w.Close()
	for _, c := range []struct {
		name string
		open func(io.Reader) io.Reader
	}{
		{"inflate", func(r io.Reader) io.Reader { return NewReader(r) }},
		{"flate", func(r io.Reader) io.Reader { return flate.NewReader(r) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.SetBytes(int64(size))
			for b.Loop() {
				if _, err := io.Copy(io.Discard, c.open(bytes.NewReader(in.Bytes()))); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
