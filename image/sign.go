package image

import (
	"context"
	"maps"
	"path"
	"slices"

	"github.com/sanduk-mail/sanduk/image/disk"
)

// enrolDir is where the loader looks for keys that a person at the screen may have it put into the firmware.
const enrolDir = "loader/keys/" + ours

// sign returns the programs that the firmware starts, signed. The kernel inside the kernel image needs no signature: the
// stub, whose signature covers it, starts it.
func (b *builder) sign(ctx context.Context, loader, kernel []byte) (signedLoader, signedKernel []byte, err error) {
	if signedLoader, err = b.BootKey.Sign(ctx, loader); err != nil {
		return nil, nil, err
	}
	signedKernel, err = b.BootKey.Sign(ctx, kernel)
	return signedLoader, signedKernel, err
}

// enrolment is what the ESP has so that the key's certificate comes into the firmware; nothing without a key.
func (b *builder) enrolment(ctx context.Context) ([]disk.File, error) {
	if b.BootKey == nil {
		return nil, nil
	}
	files, err := b.BootKey.Enrol(ctx)
	if err != nil {
		return nil, err
	}
	var list []disk.File
	for _, name := range slices.Sorted(maps.Keys(files)) {
		list = append(list, disk.File{Path: path.Join(enrolDir, name), Data: files[name]})
	}
	return list, nil
}
