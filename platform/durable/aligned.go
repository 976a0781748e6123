package durable

import "unsafe"

// Alignment is what offset, length and memory of a direct write are multiples
// of, in bytes: the largest logical block of the disks there are.
const Alignment = 4096

// AlignedBytes makes n zero bytes that begin at an address fit for direct writes.
// The collector does not move memory, so they stay there.
func AlignedBytes(n int) []byte {
	b := make([]byte, n+Alignment)
	skip := int(-uintptr(unsafe.Pointer(unsafe.SliceData(b))) % Alignment)
	return b[skip : skip+n : skip+n]
}
