// Package vm runs the box's image in QEMU, for tests and for "make run".
//
// In: an image, and what the machine should look like: its memory, disk controller, network card, clock, and the guest
// ports wanted on this machine's loopback. Out: a Machine, whose disk and firmware variables last from boot to boot,
// and for each start a Boot with its serial log, screen, power button and plug.
//
// The guest reaches the outside through QEMU's user network and is reached only through the forwarded ports on
// 127.0.0.1. The machine's disk is a copy of the image that can grow; the image is never written to. Closing a Boot
// kills exactly the QEMU that it started.
//
// A Machine has at most one Boot at a time. A Boot's methods may be called from several goroutines.
package vm
