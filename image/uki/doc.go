// Package uki makes a unified kernel image: one EFI program that holds a kernel, its initramfs, its command line and
// the name of the system.
//
// In: systemd's stub, and the parts. Out: the stub with a section for each part (.osrel, .cmdline, .initrd, .linux), as
// the Boot Loader Specification's "Type #2" entries are. The same parts make the same bytes. Sections reads them back.
//
// Everything is in memory; the functions have no state.
package uki
