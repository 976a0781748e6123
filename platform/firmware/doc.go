// Package firmware keeps the machine's own list of what it starts: UEFI's boot entries (UEFI specification 2.10 §3.1.3).
//
// In: the partition with the loader, and how many entries are wanted. Out: a list that begins with so many entries for
// that loader. Firmware goes on to the next entry when a program can't be started or returns. The loader returns when
// a kernel image is damaged, after it has counted that try down: with one entry more than there are tries, the firmware
// itself walks through a broken update and arrives at the version before, with nobody there.
//
// Firmware that forgets its variables, or doesn't go on to the next entry, starts the loader by its standard name; what
// it does with a damaged kernel image then is its own affair.
//
// Variables are written only where something is missing, because some machines wear their flash out. The functions are
// for one caller at a time.
package firmware
