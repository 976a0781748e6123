// Package inflate reads DEFLATE (RFC 1951) as it is spoken, not as it is stored:
// whatever can be decoded from the bytes that have come is given out before more
// are waited for. A client that flushes with a block that ends between two bytes
// (zlib's Z_PARTIAL_FLUSH) waits for its answer, and so would a reader for the
// rest of the byte.
//
// A Reader keeps as much of a window as has been written, up to 32 KiB, so that
// one that has seen a few commands costs a few hundred bytes; the tables of a
// block are kept no longer than the block.
package inflate
