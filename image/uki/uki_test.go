package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"os"
	"reflect"
	"strings"
	"testing"
)

// stub returns a PE32+ program with one section and a header of the given size.
func stub(headers uint32) []byte {
	const peAt, optSize = 0x80, 112 + 16*8
	b := make([]byte, headers+512)
	copy(b, "MZ")
	le := binary.LittleEndian
	le.PutUint32(b[0x3c:], peAt)
	copy(b[peAt:], "PE\x00\x00")
	coff := b[peAt+4:]
	le.PutUint16(coff, 0x8664)
	le.PutUint16(coff[2:], 1)
	le.PutUint16(coff[16:], optSize)
	opt := b[peAt+24:]
	le.PutUint16(opt, 0x20b)
	le.PutUint32(opt[32:], 512) // SectionAlignment
	le.PutUint32(opt[36:], 512) // FileAlignment
	le.PutUint32(opt[optImageSize:], 0x1200)
	le.PutUint32(opt[optHeaderSize:], headers)
	le.PutUint32(opt[108:], 16)
	s := b[peAt+24+optSize:]
	copy(s, ".text")
	le.PutUint32(s[8:], 0x123)
	le.PutUint32(s[12:], 0x1000)
	le.PutUint32(s[16:], 512)
	le.PutUint32(s[20:], headers)
	return b
}

func parts() Parts {
	return Parts{
		OSRelease: []byte("ID=sanduk\n"),
		Cmdline:   "console=tty0 panic=1",
		Initrd:    bytes.Repeat([]byte("i"), 5000),
		Linux:     bytes.Repeat([]byte("l"), 9001),
	}
}

func TestBuild(t *testing.T) {
	t.Parallel()
	image, err := Build(stub(1024), parts())
	if err != nil {
		t.Fatal(err)
	}
	got, err := Sections(image)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, parts()) {
		t.Errorf("Sections gives other parts than went in: command line %q", got.Cmdline)
	}
	checkLayout(t, image)
	again, err := Build(stub(1024), parts())
	if err != nil || !bytes.Equal(image, again) {
		t.Errorf("two builds differ (%v)", err)
	}
}

// checkLayout looks for what firmware refuses: overlaps, wrong order, a short SizeOfImage, data beyond the file.
func checkLayout(t *testing.T, image []byte) {
	t.Helper()
	f, err := pe.NewFile(bytes.NewReader(image))
	if err != nil {
		t.Fatal(err)
	}
	var end uint32
	for _, s := range f.Sections {
		if s.VirtualAddress < end {
			t.Errorf("section %s at %#x overlaps the one before, which ends at %#x", s.Name, s.VirtualAddress, end)
		}
		if strings.Contains(".osrel .cmdline .initrd .linux", s.Name) && s.VirtualAddress%page != 0 {
			t.Errorf("section %s at %#x is not page-aligned", s.Name, s.VirtualAddress)
		}
		if int(s.Offset+s.Size) > len(image) {
			t.Errorf("section %s ends at %d, the file at %d", s.Name, s.Offset+s.Size, len(image))
		}
		end = s.VirtualAddress + s.VirtualSize
	}
	if got := f.OptionalHeader.(*pe.OptionalHeader64).SizeOfImage; got < end {
		t.Errorf("SizeOfImage = %#x, want at least %#x", got, end)
	}
	if got := f.Sections[len(f.Sections)-1].Name; got != ".linux" {
		t.Errorf("the last section is %s, want .linux", got)
	}
}

func TestBuildWithDebiansStub(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("/usr/lib/systemd/boot/efi/linuxx64.efi.stub")
	if err != nil {
		t.Skip("systemd-boot-efi is not installed")
	}
	image, err := Build(raw, parts())
	if err != nil {
		t.Fatal(err)
	}
	checkLayout(t, image)
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	if _, err := Build(stub(512), parts()); err == nil || !strings.Contains(err.Error(), "no room") {
		t.Errorf("full section table: %v, want an error", err)
	}
	if _, err := Build([]byte("MZ"), parts()); err == nil {
		t.Error("a stub that is no program was taken")
	}
	p := parts()
	p.Initrd = nil
	if _, err := Build(stub(1024), p); err == nil {
		t.Error("an empty initramfs was taken")
	}
	image, err := Build(stub(1024), parts())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Build(image, parts()); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("an image used as a stub: %v, want an error", err)
	}
}
