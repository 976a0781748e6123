package uki

import (
	"bytes"
	"debug/pe"
	"encoding/binary"
	"errors"
	"fmt"
)

// Parts are what goes into the image.
type Parts struct {
	OSRelease []byte // text of os-release; the loader shows PRETTY_NAME and sorts by VERSION_ID
	Cmdline   string // the kernel's command line
	Initrd    []byte
	Linux     []byte // a kernel with an EFI stub of its own (bzImage)
}

// Offsets in a PE32+ file, as the PE format has them.
const (
	peOffset       = 0x3c // in the DOS header: where the PE header is
	coffSections   = 6    // in the PE header: number of sections
	coffSize       = 24   // signature and COFF header
	optInitialised = 8    // in the optional header
	optImageSize   = 56
	optHeaderSize  = 60
	optChecksum    = 64
	sectionEntry   = 40
	// flagsData is CNT_INITIALIZED_DATA | MEM_READ.
	flagsData = 0x40000040
	// page is the distance at which the firmware can protect memory; sections begin at a multiple of it.
	page = 4096
)

// Build returns the image. The stub must be a PE32+ program without sections of these names and with room for four
// more entries in its section table.
func Build(stub []byte, p Parts) ([]byte, error) {
	switch {
	case len(p.OSRelease) == 0 || p.Cmdline == "" || len(p.Initrd) == 0 || len(p.Linux) == 0:
		return nil, errors.New("kernel image: a part is empty")
	}
	f, err := pe.NewFile(bytes.NewReader(stub))
	if err != nil {
		return nil, fmt.Errorf("kernel image: read the stub: %w", err)
	}
	opt, ok := f.OptionalHeader.(*pe.OptionalHeader64)
	if !ok {
		return nil, errors.New("kernel image: the stub is not a PE32+ program")
	}
	w := &writer{out: bytes.Clone(stub), file: f, opt: opt}
	// The kernel stands last: the stub may start it in place, and the kernel then uses memory behind its section.
	for _, s := range []struct {
		name string
		data []byte
	}{
		{".osrel", p.OSRelease},
		// The stub reads the command line up to the section's size; a final zero ends it inside the alignment too.
		{".cmdline", append([]byte(p.Cmdline), 0)},
		{".initrd", p.Initrd},
		{".linux", p.Linux},
	} {
		if err := w.add(s.name, s.data); err != nil {
			return nil, fmt.Errorf("kernel image: section %s: %w", s.name, err)
		}
	}
	return w.finish(), nil
}

// writer appends sections to a PE file.
type writer struct {
	out   []byte
	file  *pe.File
	opt   *pe.OptionalHeader64
	added uint32
	bytes uint32 // of initialised data added
	next  uint32 // virtual address behind the last section; 0 before the first
}

func (w *writer) pe() uint32 { return binary.LittleEndian.Uint32(w.out[peOffset:]) }

// table is where the section table's next free entry is.
func (w *writer) table() uint32 {
	return w.pe() + coffSize + uint32(w.file.SizeOfOptionalHeader) +
		(uint32(w.file.NumberOfSections)+w.added)*sectionEntry
}

func (w *writer) add(name string, data []byte) error {
	first := uint32(len(w.out))
	for _, s := range w.file.Sections {
		if s.Name == name {
			return errors.New("the stub has one already")
		}
		if s.Offset != 0 {
			first = min(first, s.Offset)
		}
		w.next = max(w.next, align(s.VirtualAddress+s.VirtualSize, page))
	}
	at := w.table()
	if at+sectionEntry > min(first, w.opt.SizeOfHeaders) {
		return errors.New("no room in the stub's section table")
	}
	w.out = append(w.out, make([]byte, -len(w.out)&int(w.opt.FileAlignment-1))...)
	raw := align(uint32(len(data)), w.opt.FileAlignment)

	entry := w.out[at : at+sectionEntry]
	clear(entry)
	copy(entry[:8], name)
	le := binary.LittleEndian
	le.PutUint32(entry[8:], uint32(len(data)))
	le.PutUint32(entry[12:], w.next)
	le.PutUint32(entry[16:], raw)
	le.PutUint32(entry[20:], uint32(len(w.out)))
	le.PutUint32(entry[36:], flagsData)

	w.out = append(w.out, data...)
	w.out = append(w.out, make([]byte, raw-uint32(len(data)))...)
	w.next = align(w.next+uint32(len(data)), page)
	w.added++
	w.bytes += raw
	return nil
}

// finish writes the totals into the headers. The checksum is set to zero, "not used": firmware does not look at it for
// programs, and a wrong one would mislead tools.
func (w *writer) finish() []byte {
	le := binary.LittleEndian
	at := w.pe()
	le.PutUint16(w.out[at+coffSections:], w.file.NumberOfSections+uint16(w.added))
	opt := w.out[at+coffSize:]
	le.PutUint32(opt[optInitialised:], w.opt.SizeOfInitializedData+w.bytes)
	le.PutUint32(opt[optImageSize:], align(w.next, w.opt.SectionAlignment))
	le.PutUint32(opt[optChecksum:], 0)
	return w.out
}

func align(n, to uint32) uint32 { return (n + to - 1) &^ (to - 1) }

// Sections returns the parts of an image made by Build.
func Sections(image []byte) (Parts, error) {
	f, err := pe.NewFile(bytes.NewReader(image))
	if err != nil {
		return Parts{}, fmt.Errorf("kernel image: %w", err)
	}
	get := func(name string) ([]byte, error) {
		s := f.Section(name)
		if s == nil {
			return nil, fmt.Errorf("kernel image: no section %s", name)
		}
		data, err := s.Data()
		if err != nil {
			return nil, fmt.Errorf("kernel image: section %s: %w", name, err)
		}
		return data[:min(len(data), int(s.VirtualSize))], nil
	}
	var p Parts
	if p.OSRelease, err = get(".osrel"); err != nil {
		return Parts{}, err
	}
	cmdline, err := get(".cmdline")
	if err != nil {
		return Parts{}, err
	}
	p.Cmdline = string(bytes.TrimRight(cmdline, "\x00"))
	if p.Initrd, err = get(".initrd"); err != nil {
		return Parts{}, err
	}
	if p.Linux, err = get(".linux"); err != nil {
		return Parts{}, err
	}
	return p, nil
}
