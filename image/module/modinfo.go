package module

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/ulikunitz/xz"
)

// Info is what a module says about itself in its .modinfo section.
type Info struct {
	Name     string   // with underscores, as the kernel knows it
	Depends  []string // names of modules
	PreSoft  []string // names or aliases that should be there first
	Aliases  []string // patterns for device names, or other names
	Firmware []string // below /lib/firmware
	License  string
}

// maxModule is more than any module has (the largest graphics driver is near 20 MB): a file beyond it is not one.
const maxModule = 64 << 20

// ReadFile returns a module's bytes, unpacked when the file's name ends in .xz, .zst or .gz: inside the compressed
// initramfs a plain file packs better, and loads without unpacking.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var r io.Reader = f
	switch {
	case strings.HasSuffix(path, ".xz"):
		r, err = xz.NewReader(f)
	case strings.HasSuffix(path, ".gz"):
		r, err = gzip.NewReader(f)
	case strings.HasSuffix(path, ".zst"):
		var d *zstd.Decoder
		if d, err = zstd.NewReader(f); err == nil {
			defer d.Close()
			r = d
		}
	}
	if err != nil {
		return nil, fmt.Errorf("unpack %s: %w", path, err)
	}
	raw, err := io.ReadAll(io.LimitReader(r, maxModule+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if len(raw) > maxModule {
		return nil, fmt.Errorf("read %s: larger than %d bytes", path, maxModule)
	}
	return raw, nil
}

// ParseInfo reads the .modinfo section of a module.
func ParseInfo(raw []byte) (Info, error) {
	f, err := elf.NewFile(bytes.NewReader(raw))
	if err != nil {
		return Info{}, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return Info{}, errors.New("no .modinfo section")
	}
	text, err := section.Data()
	if err != nil {
		return Info{}, err
	}
	return parseText(text), nil
}

// parseText reads "key=value" strings that end in a zero byte.
func parseText(text []byte) Info {
	var info Info
	for pair := range bytes.SplitSeq(text, []byte{0}) {
		key, value, ok := strings.Cut(string(pair), "=")
		if !ok {
			continue
		}
		switch key {
		case "name":
			info.Name = value
		case "depends":
			for name := range strings.SplitSeq(value, ",") {
				if name != "" {
					info.Depends = append(info.Depends, name)
				}
			}
		case "softdep":
			info.PreSoft = append(info.PreSoft, parseSoftdep(value)...)
		case "alias":
			info.Aliases = append(info.Aliases, value)
		case "firmware":
			info.Firmware = append(info.Firmware, value)
		case "license":
			info.License = value
		}
	}
	return info
}

// parseSoftdep returns the names after "pre:", up to "post:".
func parseSoftdep(value string) []string {
	var pre []string
	in := false
	for _, word := range strings.Fields(value) {
		switch {
		case word == "pre:":
			in = true
		case strings.HasSuffix(word, ":"):
			in = false
		case in:
			pre = append(pre, word)
		}
	}
	return pre
}
