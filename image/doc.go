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
// # Test images
//
// With Options.Extra an image has programs that the product never has: something that kills services, say, or eats
// memory. Each element is a directory in the module with a main package and its unit files (*.service, *.socket); the
// directory's name is the program's, which becomes /bin/NAME in the image. A unit file without User= runs as root. One
// with the name of a product's unit file replaces that, which is how a test gets other limits or shorter times. The
// results are called NAME-BOARD.img and so on, after the first directory, and their update calls itself NAME, so that
// nothing takes a test image for the product. From the command line, for build/chaos-pc-amd64.img:
//
//	build/mkimage -extra image/clienttest/testdata/chaos
//
// Everything is written to a new name and renamed. One Build at a time may work in an output directory.
package image
