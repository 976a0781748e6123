// Package run starts the built image in a virtual machine for a person to try it: what "make run" does.
//
// In: the image, the ports on this machine, perhaps a provisioning file. Out: the box's console on the given writer,
// one line with the address of the set-up page, and an orderly power-off when the context ends.
//
// The box's disk is kept between runs: its mail is still there the next time, with a newly built version of the
// programs. The guest sees callers on this machine as QEMU's gateway; a file on the EFI system partition of the copy
// tells it to trust that address. Images that are built never have it.
package run
