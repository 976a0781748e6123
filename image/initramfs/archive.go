package initramfs

import (
	"bytes"
	"fmt"
	"io/fs"
	"strings"

	"github.com/klauspost/compress/zstd"
	"github.com/u-root/u-root/pkg/cpio"
)

// Archive returns entries, which are in the order that Tree.Entries gives, as a cpio archive.
func Archive(entries []Entry) ([]byte, error) {
	if len(entries) == 0 {
		return nil, ErrEmpty
	}
	var b bytes.Buffer
	w := cpio.Newc.Writer(&b)
	for i, e := range entries {
		if err := w.WriteRecord(record(e, uint64(i)+1)); err != nil {
			return nil, fmt.Errorf("archive %s: %w", e.Path, err)
		}
	}
	if err := cpio.WriteTrailer(w); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return b.Bytes(), nil
}

func record(e Entry, inode uint64) cpio.Record {
	info := cpio.Info{
		Name:     strings.TrimPrefix(e.Path, "/"),
		Ino:      inode,
		Mode:     uint64(e.Mode.Perm()),
		UID:      uint64(e.Owner.UID),
		GID:      uint64(e.Owner.GID),
		NLink:    1,
		FileSize: uint64(len(e.Data)),
	}
	switch {
	case e.Mode&fs.ModeDir != 0:
		info.Mode |= cpio.S_IFDIR
		info.NLink = 2
		info.FileSize = 0
		return cpio.Record{Info: info}
	case e.Mode&fs.ModeSymlink != 0:
		info.Mode |= cpio.S_IFLNK
	default:
		info.Mode |= cpio.S_IFREG
	}
	return cpio.Record{ReaderAt: bytes.NewReader(e.Data), Info: info}
}

// window is zstd's look-back distance. The kernel needs that much memory to unpack; a larger one saves little.
const window = 8 << 20

// Compress packs an archive with zstd. One goroutine and fixed settings make the same bytes every time. It writes no
// checksum: the sum of the whole image is checked before it is installed, and the kernel would pay for one more at
// every start.
func Compress(archive []byte) ([]byte, error) {
	var b bytes.Buffer
	w, err := zstd.NewWriter(&b,
		zstd.WithEncoderLevel(zstd.SpeedBestCompression),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(window),
		zstd.WithEncoderCRC(false),
	)
	if err != nil {
		return nil, err
	}
	if _, err := w.Write(archive); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// align is what the kernel expects each archive's start to be a multiple of.
const align = 4

// Join puts archives, packed or not, one after another for the kernel. Early archives that must be found unpacked
// (microcode) come first.
func Join(parts ...[]byte) []byte {
	var b bytes.Buffer
	for _, p := range parts {
		b.Write(make([]byte, -b.Len()&(align-1)))
		b.Write(p)
	}
	return b.Bytes()
}
