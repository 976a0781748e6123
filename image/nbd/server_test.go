package nbd

import (
	"bytes"
	"encoding/binary"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNegotiate(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	c := serve(t, d)
	for _, tt := range []struct {
		name   string
		option uint32
		data   []byte
		want   []uint32
	}{
		{"TLS", 5, nil, []uint32{replyErrUnsup}},
		{"list", optList, nil, []uint32{replyServer, replyAck}},
		{"info", optInfo, []byte{0, 0, 0, 1, 'x', 0, 1, 0, 3}, []uint32{replyInfo, replyInfo, replyAck}},
		{"info, its name too long", optInfo, []byte{0xff, 0xff, 0xff, 0xff, 'x', 0, 0}, []uint32{replyErrInvalid}},
		{"info, cut short", optInfo, []byte{0, 0, 0, 0, 0, 1}, []uint32{replyErrInvalid}},
	} {
		if got, _ := c.ask(t, tt.option, tt.data); !slices.Equal(got, tt.want) {
			t.Errorf("%s: replies %v, want %v", tt.name, got, tt.want)
		}
	}
	c.begin(t)
	if c.size != testSize || c.flags != 0b101101 {
		t.Errorf("size %d, flags %#b, want %d and flush, FUA, trim", c.size, c.flags, testSize)
	}
}

// TestExportName is the old way in, for clients that know no other.
func TestExportName(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	c := serve(t, d)
	c.write(t, uint64(magicOption))
	c.write(t, [2]uint32{optExportName, 0})
	var answer struct {
		Size  uint64
		Flags uint16
	}
	c.read(t, &answer)
	if answer.Size != testSize {
		t.Errorf("size %d, want %d", answer.Size, testSize)
	}
	c.must(t, cmdFlush, 0, 0, 0, nil)
}

func TestRequests(t *testing.T) {
	t.Parallel()
	d, file := newDisk(t, Options{})
	c := serve(t, d)
	c.begin(t)
	c.must(t, cmdWrite, 0, 4096, 1024, block(1, 1024))
	c.must(t, cmdWrite, flagFUA, 8192, 512, block(2, 512))
	c.must(t, cmdTrim, 0, 4096, 512, nil)
	want := append(make([]byte, 512), block(1, 512)...)
	if got := c.must(t, cmdRead, 0, 4096, 1024, nil); !bytes.Equal(got, want) {
		t.Error("what is read is not what was written and trimmed")
	}
	for name, code := range map[string]uint32{
		"beyond": first(c.do(t, cmdRead, 0, testSize, 512, nil)), "far beyond": first(c.do(t, cmdTrim, 0, -512, 1024, nil)),
		"unknown": first(c.do(t, 77, 0, 0, 0, nil)), "huge": first(c.do(t, cmdRead, 0, 0, maxPayload+1, nil)),
	} {
		if code != errnoInval {
			t.Errorf("%s: error %d, want %d", name, code, errnoInval)
		}
	}
	c.must(t, cmdFlush, 0, 0, 0, nil)
	if got := content(t, file); !bytes.Equal(got[4096:5120], want) || got[8192] != 2 {
		t.Error("after the flush the image is not what was written")
	}
}

func first(code uint32, _ []byte) uint32 { return code }

// TestQEMU has another implementation of the client talk to the server.
func TestQEMU(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("qemu-io"); err != nil {
		t.Skip("SKIPPED: qemu-io is not installed (Debian's qemu-utils)")
	}
	d, file := newDisk(t, Options{})
	s, err := Listen(filepath.Join(t.TempDir(), "s"), d)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	out, err := exec.CommandContext(t.Context(), "qemu-io", "-f", "raw", "-c", "write -P 1 0 64k", "-c", "write -f -P 2 64k 4k", "-c", "discard 0 4k",
		"-c", "flush", "-c", "write -P 3 128k 4k", "-c", "read -P 0 0 4k", "-c", "read -P 1 4k 60k", "-c", "read -P 2 64k 4k", s.URL()).CombinedOutput()
	if err != nil || strings.Contains(string(out), "failed") {
		t.Fatalf("qemu-io: %v\n%s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Lose(); err != nil {
		t.Fatal(err)
	}
	want := make([]byte, testSize)
	copy(want[4<<10:], block(1, 60<<10))
	copy(want[64<<10:], block(2, 4<<10))
	copy(want[128<<10:], block(3, 4<<10)) // qemu-io flushes when it closes
	if !bytes.Equal(content(t, file), want) {
		t.Errorf("the image is not what qemu-io wrote\n%s", out)
	}
}

// loop gives what a fuzzer made up and takes every answer.
type loop struct{ *bytes.Reader }

func (loop) Write(p []byte) (int, error) { return len(p), nil }

// FuzzSession holds that no client can crash the server.
func FuzzSession(f *testing.F) {
	be := binary.BigEndian
	head := be.AppendUint32(nil, 3)
	goOn := be.AppendUint32(be.AppendUint32(be.AppendUint64(head, magicOption), optGo), 6)
	goOn = append(goOn, 0, 0, 0, 0, 0, 0)
	request := func(command uint16, off uint64, n uint32) []byte {
		b := be.AppendUint16(be.AppendUint16(be.AppendUint32(nil, magicRequest), flagFUA), command)
		return be.AppendUint32(be.AppendUint64(be.AppendUint64(b, 9), off), n)
	}
	f.Add(append(append(bytes.Clone(goOn), request(cmdWrite, 512, 4)...), "data"...))
	f.Add(append(append(bytes.Clone(goOn), request(cmdTrim, 512, 4)...), request(cmdFlush, 0, 0)...))
	f.Add(append(bytes.Clone(goOn), request(cmdRead, 1<<63, 1<<31)...))
	file := filepath.Join(f.TempDir(), "disk")
	if err := os.WriteFile(file, make([]byte, 64<<10), 0o644); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, said []byte) {
		d, err := Open(file, Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		if err := newSession(d, loop{bytes.NewReader(said)}).run(); err == nil {
			t.Error("the session ended without a reason")
		}
	})
}

// TestServerClose holds that Close returns while clients are connected and idle.
func TestServerClose(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	s, err := Listen(filepath.Join(t.TempDir(), "s"), d)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", s.path)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	c := &client{conn: conn}
	c.hello(t)
	c.begin(t)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Errorf("closed again: %v", err)
	}
}

// TestServerCloseDead does so after the power has failed: the client waits for an answer that never comes.
func TestServerCloseDead(t *testing.T) {
	t.Parallel()
	d, _ := newDisk(t, Options{})
	c := serve(t, d)
	c.begin(t)
	<-d.FailAfter(0, false)
	answered := make(chan error, 1)
	c.write(t, struct {
		Magic          uint32
		Flags, Command uint16
		Handle, Offset uint64
		Length         uint32
	}{magicRequest, 0, cmdFlush, 1, 0, 0})
	go func() {
		_, err := c.conn.Read(make([]byte, 1))
		answered <- err
	}()
	if err := c.server.Close(); err != nil {
		t.Error(err)
	}
	if err := <-answered; err == nil {
		t.Error("a disk without power answered")
	}
}
