// Package boottest has the tests that start the built image in a virtual machine, through UEFI firmware, loader and
// kernel, as an office's machine does. It holds no code but for them.
//
// They need what "make image" and "make hello" leave in build/, QEMU and OVMF. With -short, or where these are missing,
// they are skipped and say so; with SANDUK_SYSTEM=1, as the test script sets it, what is missing is a failure.
// SANDUK_LONG=1 adds the forms that take long.
package boottest
