// Package secureboot signs what a machine's firmware starts, and makes the files by which the firmware learns whose
// signature counts (UEFI specification 2.10 §32).
//
// In: a key and its certificate, as PEM files, and programs for UEFI: the loader, the unified kernel image. Out: the same
// programs with a signature; and the three variables PK, KEK and db, as systemd-boot and firmware set-up screens take
// them, each with the one certificate in it.
//
// Debian's sbsigntool does the signing. A signature has the time of its making in it: what is signed is the same for two
// builds, the signed file is not.
//
// The functions have no state, and may be called at once.
package secureboot
