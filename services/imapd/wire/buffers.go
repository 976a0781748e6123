package wire

import "sync"

// Buffers are the buffers that all connections of a server take turns in using:
// one that waits has none. The zero value is ready. Any goroutine may use it.
type Buffers struct{ read, write sync.Pool }

func (b *Buffers) forReading() *[readBuffer]byte {
	if buf, ok := b.read.Get().(*[readBuffer]byte); ok {
		return buf
	}
	return new([readBuffer]byte)
}

func (b *Buffers) forWriting() *[writeBuffer]byte {
	if buf, ok := b.write.Get().(*[writeBuffer]byte); ok {
		return buf
	}
	return new([writeBuffer]byte)
}
