package store

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"os"
)

// bbolt begins a file with two pages that take turns: each commit writes the one
// that is older, and whoever opens the file goes by the newer one that is whole.
// So when the disk garbles the newer one, bbolt goes on, without a word, from the
// commit before; but the registry promises that nothing older has to be read.
const (
	pageHeader = 16 // bytes of a page before its meta
	metaSummed = 56 // bytes of a meta before its checksum, FNV-1a
	metaPages  = 2
	metaMagic  = 0xED0CDAED
	metaFormat = 2
	maxBoltPg  = 64 << 10 // the largest page of any kernel
)

// wholeMeta says whether both of these pages are as they were written. One that
// was cut off by a power cut is taken for damaged too: that costs a rebuild.
func (ix *index) wholeMeta() error {
	f, err := os.Open(ix.account.store.files.Path(ix.name()))
	if err != nil {
		return err
	}
	defer f.Close()
	size := int64(0)
	for n := range int64(metaPages) {
		var page [pageHeader + metaSummed + 8]byte
		if _, err := f.ReadAt(page[:], n*size); err != nil {
			return fmt.Errorf("read its first pages: %w: %w", err, errIndex)
		}
		m := page[pageHeader:]
		sum := fnv.New64a()
		_, _ = sum.Write(m[:metaSummed]) // a hash.Hash never fails
		size = int64(binary.NativeEndian.Uint32(m[8:]))
		if binary.NativeEndian.Uint32(m) != metaMagic || binary.NativeEndian.Uint32(m[4:]) != metaFormat ||
			binary.NativeEndian.Uint64(m[metaSummed:]) != sum.Sum64() || size > maxBoltPg {
			return fmt.Errorf("its page %d is not what was written: %w", n, errIndex)
		}
	}
	return nil
}
