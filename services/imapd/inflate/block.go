package inflate

const endOfBlock = 256

// header reads what a block begins with; wants says that more input is needed, and
// nothing has been used of it. Only the tables of a block may be waited for half
// way: whoever has sent a part of them waits for no answer yet.
func (r *Reader) header() (wants bool) {
	if !r.has(3) {
		return true
	}
	final, kind := r.bits&1 != 0, r.bits>>1&3
	switch kind {
	case 0:
		// The lengths begin at the next whole byte (RFC 1951 §3.2.4).
		skip := 3 + (r.nbits-3)&7
		if !r.has(skip + 32) {
			return true
		}
		r.take(skip)
		size, check := r.take(16), r.take(16)
		if size != ^check&0xffff {
			r.corrupt("the length of a stored block")
			return false
		}
		r.stored, r.place = int(size), inStored
	case 1:
		r.take(3)
		r.codes, r.place = fixed(), inCodes
	case 2:
		r.take(3)
		r.tables()
		r.place = inCodes
	default:
		r.corrupt("the kind of a block")
	}
	r.final = final
	if r.place == inStored && r.stored == 0 {
		r.endBlock()
	}
	return false
}

// tables reads the codes of a block (RFC 1951 §3.2.7).
func (r *Reader) tables() {
	lits, dists, ordered := r.must(5)+257, r.must(5)+1, r.must(4)+4
	if r.err != nil {
		return
	}
	if lits > maxLitLen || dists > maxDist {
		r.corrupt("the number of codes")
		return
	}
	c := new(codes)
	var lengths [maxLitLen + maxDist]uint8
	order := [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}
	for _, symbol := range order[:ordered] {
		lengths[symbol] = uint8(r.must(3))
	}
	if r.err == nil && !c.litLen.init(lengths[:19]) {
		r.corrupt("the code of the code lengths")
	}
	clear(lengths[:len(order)])
	all := lengths[:lits+dists]
	r.lengths(&c.litLen, all)
	if r.err != nil {
		return
	}
	dist := all[lits:]
	if !c.dist.init(dist) || !c.litLen.init(all[:lits]) {
		r.corrupt("a set of codes")
		return
	}
	r.codes = c
}

// lengths reads run-length coded lengths of codes.
func (r *Reader) lengths(h *huffman, to []uint8) {
	for i := 0; i < len(to) && r.err == nil; {
		symbol := r.symbol(h)
		var value uint8
		times := 1
		switch symbol {
		case 16:
			if i == 0 {
				r.corrupt("a repetition of nothing")
				return
			}
			value, times = to[i-1], int(r.must(2))+3
		case 17:
			times = int(r.must(3)) + 3
		case 18:
			times = int(r.must(7)) + 11
		default:
			value = uint8(symbol)
		}
		if times > len(to)-i {
			r.corrupt("more lengths than codes")
			return
		}
		for range times {
			to[i] = value
			i++
		}
	}
}

// symbol waits for one symbol; 0 after an error.
func (r *Reader) symbol(h *huffman) uint {
	for r.err == nil {
		r.refill()
		symbol, length := h.decode(r.bits, r.nbits)
		if length > 0 {
			r.take(length)
			return symbol
		}
		if r.nbits >= maxCodeLen {
			r.corrupt("a code that stands for nothing")
			return 0
		}
		r.fill()
	}
	return 0
}

// decode gives out literals, and ends at a match, at the end of the block, when p is
// full or where the next symbol has not come to its end; of that nothing has been
// used then.
func (r *Reader) decode(p []byte) (n int, wants bool) {
	for n < len(p) {
		if r.nbits < 48 { // the longest match: 15 + 5 + 15 + 13 bits
			r.refill()
		}
		symbol, length := r.codes.litLen.decode(r.bits, r.nbits)
		switch {
		case length == 0:
			return n, r.lacks(r.nbits)
		case symbol < endOfBlock:
			r.take(length)
			p[n] = byte(symbol)
			r.put(p[n])
			n++
		case symbol == endOfBlock:
			r.take(length)
			r.endBlock()
			return n, false
		default:
			return n, r.match(symbol, length)
		}
	}
	return n, false
}

// lacks says of a code that n bits do not hold whether it may go on with the next.
func (r *Reader) lacks(n uint) bool {
	if n >= maxCodeLen {
		r.corrupt("a code that stands for nothing")
		return false
	}
	return true
}

// match reads what follows the symbol of a length, whose code takes used bits
// (RFC 1951 §3.2.5).
func (r *Reader) match(symbol, used uint) (wants bool) {
	size, extra := lengthOf(symbol)
	if extra > 0 || size > 0 {
		size += int(r.bits >> used & (1<<extra - 1))
	} else {
		r.corrupt("a length that does not exist")
		return false
	}
	used += extra
	if used > r.nbits {
		return true
	}
	code, length := r.codes.dist.decode(r.bits>>used, r.nbits-used)
	if length == 0 {
		return r.lacks(r.nbits - used)
	}
	used += length
	if code >= maxDist {
		r.corrupt("a distance that does not exist")
		return false
	}
	dist, extra := distanceOf(code)
	dist += int(r.bits >> used & (1<<extra - 1))
	if used += extra; used > r.nbits {
		return true
	}
	if dist > len(r.window) {
		r.corrupt("a distance to before the beginning")
		return false
	}
	r.take(used)
	r.copyLength, r.copyDist = size, dist
	return false
}

// lengthOf is the least length that a symbol stands for, and how many bits follow to be
// added to it; 0 for one that stands for none.
func lengthOf(symbol uint) (least int, extra uint) {
	switch i := symbol - 257; {
	case i < 8:
		return int(i) + 3, 0
	case i < 28: // four to a size
		extra = i/4 - 1
		return int(4+i%4)<<extra + 3, extra
	case i == 28:
		return 258, 0
	}
	return 0, 0
}

// distanceOf is lengthOf of distances.
func distanceOf(code uint) (least int, extra uint) {
	if code < 4 {
		return int(code) + 1, 0
	}
	extra = code/2 - 1 // two to a size
	return int(2+code%2)<<extra + 1, extra
}
