package smart

import (
	"encoding/binary"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"
	"unsafe"
)

// attribute is one of SMART READ DATA.
type attribute struct {
	id, current byte
	raw         [6]byte
}

// ataData is what a disk with these gives.
func ataData(list ...attribute) []byte {
	data := make([]byte, ataSize)
	data[0] = 0x10 // revision
	for i, a := range list {
		d := data[ataFirst+i*ataEach:]
		d[0], d[3], d[4] = a.id, a.current, a.current
		copy(d[5:], a.raw[:])
	}
	var sum byte
	for _, b := range data {
		sum += b
	}
	data[ataSize-1] = -sum
	return data
}

func TestParseATA(t *testing.T) {
	t.Parallel()
	disk := ataData(
		attribute{attrReallocated, 100, [6]byte{8, 1}},
		attribute{attrHours, 88, [6]byte{0x10, 0x27, 0, 0x55, 1}}, // 10,000 and something else above
		attribute{attrReported, 99, [6]byte{3}},
		attribute{attrTemperature, 64, [6]byte{36, 0, 19, 0, 55}},
		attribute{attrPending, 100, [6]byte{2}},
		attribute{attrOffline, 100, [6]byte{5}},
		attribute{attrLifeLeft, 40, [6]byte{}},
	)
	want := Report{Reallocated: 264, Pending: 5, Errors: 3, Worn: Unknown, Celsius: 36, Hours: 10000}
	if got, err := ParseATA(disk, false); err != nil || got != want {
		t.Errorf("a disk with platters: %+v, %v; want %+v", got, err, want)
	}
	want.Worn = 60
	if got, err := ParseATA(disk, true); err != nil || got != want {
		t.Errorf("one without: %+v, %v; want %+v", got, err, want)
	}
	if got, err := ParseATA(ataData(attribute{attrAirflow, 70, [6]byte{30}}), true); err != nil || got.Celsius != 30 || got.Pending != Unknown || got.Worn != Unknown {
		t.Errorf("one that says little: %+v, %v", got, err)
	}
	disk[100] ^= 1
	for name, data := range map[string][]byte{"a bit turned": disk, "empty": make([]byte, ataSize), "short": disk[:511], "none": nil} {
		if _, err := ParseATA(data, true); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
}

// statusSense is what SAT gives back for SMART RETURN STATUS.
func statusSense(low, high byte) []byte {
	sense := make([]byte, senseSize)
	copy(sense, []byte{0x72, 1, 0, 0x1d, 0, 0, 0, 14, 0x09, 12, 0, 0, 0, 0, 0, 0, 0, low, 0, high, 0, 0x50})
	return sense
}

func TestPassed(t *testing.T) {
	t.Parallel()
	if ok, err := Passed(statusSense(markLow, markHigh)); !ok || err != nil {
		t.Errorf("a good disk: %t, %v", ok, err)
	}
	if ok, err := Passed(statusSense(failedLow, failedHigh)); ok || err != nil {
		t.Errorf("a failing disk: %t, %v", ok, err)
	}
	other := statusSense(markLow, markHigh)
	other[0] = 0x70 // fixed format has no registers
	cut := statusSense(markLow, markHigh)
	cut[7] = 13
	for name, sense := range map[string][]byte{"fixed": other, "cut": cut, "nothing": nil, "zeros": make([]byte, 64), "neither": statusSense(1, 2)} {
		if _, err := Passed(sense); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
}

// nvmeData is the log page of a good disk.
func nvmeData() []byte {
	data := make([]byte, nvmeSize)
	binary.LittleEndian.PutUint16(data[1:], 273+41)
	data[3], data[4], data[5] = 100, 10, 7
	binary.LittleEndian.PutUint64(data[128:], 12345)
	binary.LittleEndian.PutUint64(data[160:], 2)
	return data
}

func TestParseNVMe(t *testing.T) {
	t.Parallel()
	want := Report{Reallocated: Unknown, Pending: Unknown, Errors: 2, Worn: 7, Celsius: 41, Hours: 12345}
	if got, err := ParseNVMe(nvmeData()); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for name, change := range map[string]func([]byte){
		"spare used up": func(d []byte) { d[0] = 1 }, "unreliable": func(d []byte) { d[0] = 4 }, "read-only": func(d []byte) { d[0] = 8 }, "below threshold": func(d []byte) { d[3] = 9 },
	} {
		data := nvmeData()
		change(data)
		if got, err := ParseNVMe(data); err != nil || !got.Failing {
			t.Errorf("%s: %+v, %v; want it failing", name, got, err)
		}
	}
	hot := nvmeData()
	hot[0], hot[168] = 2, 1
	if got, err := ParseNVMe(hot); err != nil || got.Failing || got.Errors != math.MaxInt64 {
		t.Errorf("hot, with more errors than can be: %+v, %v; want it not failing, and the most", got, err)
	}
	for name, data := range map[string][]byte{"empty": make([]byte, nvmeSize), "short": nvmeData()[:100]} {
		if _, err := ParseNVMe(data); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v; want ErrMalformed", name, err)
		}
	}
}

// TestKernelStructures: the sizes are the kernel's on 64-bit machines.
func TestKernelStructures(t *testing.T) {
	t.Parallel()
	if got := unsafe.Sizeof(nvmeCommand{}); got != 72 {
		t.Errorf("nvme_admin_cmd has %d bytes; want 72", got)
	}
	if got := unsafe.Sizeof(scsiCommand{}); got != 88 {
		t.Errorf("sg_io_hdr has %d bytes; want 88", got)
	}
}

// TestSilent: what is no disk is not asked twice.
func TestSilent(t *testing.T) {
	t.Parallel()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, name := range []string{"sda", "nvme0n1"} {
		if r, err := Read(f, name, true); !errors.Is(err, ErrSilent) || r != unknown() {
			t.Errorf("%s, which is a file: %+v, %v; want ErrSilent", name, r, err)
		}
	}
}

func FuzzParseATA(f *testing.F) {
	f.Add(ataData(attribute{attrHours, 1, [6]byte{255, 255, 255, 255, 255, 255}}), true)
	f.Fuzz(func(t *testing.T, data []byte, solid bool) {
		r, err := ParseATA(data, solid)
		if err != nil && r != unknown() || r.Worn > 99 || r.Hours < Unknown || r.Pending < Unknown || r.Reallocated < Unknown || r.Errors < Unknown {
			t.Errorf("%+v, %v", r, err)
		}
	})
}

func FuzzPassed(f *testing.F) {
	f.Add(statusSense(markLow, markHigh))
	f.Fuzz(func(t *testing.T, sense []byte) {
		if ok, err := Passed(sense); ok && err != nil {
			t.Errorf("passed, and %v", err)
		}
	})
}

func FuzzParseNVMe(f *testing.F) {
	f.Add(nvmeData())
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := ParseNVMe(data)
		if err != nil && r != unknown() || r.Hours < Unknown || r.Errors < Unknown || r.Worn < Unknown {
			t.Errorf("%+v, %v", r, err)
		}
	})
}
