// Package image puts the box's image together: Debian's kernel and tools, our programs and the unit files become an
// initramfs, that becomes a unified kernel image, and that a disk image and an update.
//
// In: a board, the module's sources, the unit files, a version. Out, in one directory:
//
//	sanduk-BOARD.img            raw disk image, sparse: write it to a stick or an SSD
//	sanduk-BOARD.efi            the unified kernel image alone
//	sanduk-BOARD.update         the unified kernel image with its description, for a box that is running
//	sanduk-BOARD.manifest.json  what is in it (package manifest)
//	sanduk-BOARD.linux, .initrd kernel and initramfs, for tests that start them without firmware
//
// The same sources, packages and version make the same bytes: times are zero, orders are sorted, identifiers are
// derived from the version. Files in dir etc are copied into the image's /etc.
//
// Everything is written to a new name and renamed. One Build at a time may work in an output directory.
package image
