package disk

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/diskfs/go-diskfs/backend/file"
	"github.com/diskfs/go-diskfs/partition/gpt"
)

// Where things are on the disk.
const (
	// ESPStart is the usual first megabyte: every disk's and flash cell's boundary divides it.
	ESPStart = 1 << 20
	// ESPSize has room for a dozen kernel images; two are kept, and an update needs a third.
	ESPSize = 512 << 20
	// Size of the image: the copy of the partition table at the end needs 33 sectors, rounded to a megabyte.
	Size = ESPStart + ESPSize + 1<<20
	// ESPName is the partition's name, by which a person recognises it.
	ESPName = "sanduk-esp"
	// Label is the file system's.
	Label = "SANDUK-ESP"
)

// Room is how many kernel images as large as the one in the image must still fit beside it: the one before it, and
// the next one while it is being written.
const Room = 2

// Write makes the disk image at name. seed fixes the identifiers: the same seed and files make the same image.
func Write(name, seed string, files []File) error {
	v := Volume{Size: ESPSize, Label: Label, Serial: binary.LittleEndian.Uint32(digest(seed, "serial")), Hidden: ESPStart / sectorSize}
	if err := checkRoom(v, files); err != nil {
		return err
	}
	temp := name + ".new"
	f, err := os.Create(temp)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(Size); err != nil {
		return err
	}
	if err := WriteFAT(io.NewOffsetWriter(f, ESPStart), v, files); err != nil {
		return err
	}
	table := &gpt.Table{
		LogicalSectorSize:  sectorSize,
		PhysicalSectorSize: sectorSize,
		GUID:               guid(seed, "disk"),
		ProtectiveMBR:      true,
		Partitions: []*gpt.Partition{{
			Index: 1,
			Start: ESPStart / sectorSize,
			End:   (ESPStart+ESPSize)/sectorSize - 1,
			Size:  ESPSize,
			Type:  gpt.EFISystemPartition,
			Name:  ESPName,
			GUID:  guid(seed, "esp"),
		}},
	}
	w, err := file.New(f, false).Writable()
	if err != nil {
		return err
	}
	if err := table.Write(w, Size); err != nil {
		return fmt.Errorf("partition table: %w", err)
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(temp, name)
}

// checkRoom refuses an image on which an update would find no space.
func checkRoom(v Volume, files []File) error {
	largest := 0
	for _, f := range files {
		largest = max(largest, len(f.Data))
	}
	free, err := v.free(files)
	if err != nil {
		return fmt.Errorf("EFI system partition: %w", err)
	}
	if free < Room*int64(largest) {
		return fmt.Errorf("EFI system partition: %d bytes free, %d more images of %d bytes must fit", free, Room, largest)
	}
	return nil
}

func digest(seed, what string) []byte {
	sum := sha256.Sum256([]byte("sanduk disk image\x00" + seed + "\x00" + what))
	return sum[:]
}

// guid returns an identifier in the form of a random one (RFC 9562 §5.8, version 8: made by a rule of our own).
func guid(seed, what string) string {
	b := digest(seed, what)[:16]
	b[6] = b[6]&0x0f | 0x80
	b[8] = b[8]&0x3f | 0x80
	h := hex.EncodeToString(b)
	return strings.ToUpper(h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:])
}
