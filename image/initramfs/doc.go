// Package initramfs gathers the files of the image and writes them as the archive that the kernel unpacks into RAM.
//
// In: files, links and directories with their modes and owners. Out: a cpio archive ("newc") in the order of the
// paths, with zero times and inode numbers given in that order, so that the same files make the same bytes; plain,
// or packed with zstd. The kernel takes several archives one after another, packed or not, when each begins at a
// multiple of four bytes: Join lays them out so.
//
// A Tree is used by one goroutine.
package initramfs
