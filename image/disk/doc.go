// Package disk writes the raw disk image: a GUID partition table with one EFI system partition, and on it a FAT32 file
// system with the boot files.
//
// In: the files and the identifiers. Out: a sparse file that is the same, byte for byte, for the same input; it may be
// written to a stick or an SSD of any larger size. The space behind the partition is for the box's data partition, which
// the box makes itself.
//
// The FAT writer is our own because fsck.fat must find nothing to mend in a file system that the box checks before each
// write, and because times and cluster order must not vary. It only makes new file systems. Sources: Microsoft's
// "FAT: General Overview of On-Disk Format", 1.03; UEFI 2.10 §5 (GPT) and §13.3 (FAT).
package disk
