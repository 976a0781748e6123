package mail

import (
	"encoding/binary"
	"iter"
	"slices"
	"strings"
)

// Bounds of what is written on mailboxes.
const (
	// MaxAnnotation is the most bytes of one value: a signature or the colours of a
	// folder are some hundred.
	MaxAnnotation = 4 << 10
	// MaxAnnotationName is the most bytes of one name.
	MaxAnnotationName = 255
	// MaxAnnotations is for one mailbox; clients that keep settings have some ten.
	MaxAnnotations = 64
	// MaxAnnotationBytes is for all names and values of one mailbox: they are kept in
	// memory, and written with the mailbox when it changes.
	MaxAnnotationBytes = 16 << 10
	// MaxAccountAnnotations is for all names and values of an account, in bytes.
	MaxAccountAnnotations = 256 << 10
)

// Annotation is a named value of a mailbox. The store asks nothing more of a name than
// its size; the value may be any bytes.
type Annotation struct {
	Name  string
	Value string
	Gone  bool // in a change: takes it away
}

// Annotations is what is written on a mailbox. It never changes, can be compared with
// ==, and is empty as its zero value.
type Annotations struct {
	list string // by name, each name and value behind its length as a varint
}

// DecodeAnnotations reads what Encode wrote; false if it is nothing of that kind.
func DecodeAnnotations(b string) (Annotations, bool) {
	a := Annotations{b}
	last, n := "", 0
	for rest := b; rest != ""; n++ {
		name, behind, ok := cutString(rest)
		if !ok || name == "" || n > 0 && name <= last {
			return Annotations{}, false
		}
		if _, rest, ok = cutString(behind); !ok {
			return Annotations{}, false
		}
		last = name
	}
	return a, true
}

// Encode gives the bytes by which DecodeAnnotations makes the same again.
func (a Annotations) Encode() string { return a.list }

// cutString takes a string off the front of b.
func cutString(b string) (s, rest string, ok bool) {
	n, size := binary.Uvarint([]byte(b[:min(len(b), binary.MaxVarintLen64)]))
	if size <= 0 || n > uint64(len(b)-size) || len(binary.AppendUvarint(nil, n)) != size {
		return "", "", false
	}
	return b[size : size+int(n)], b[size+int(n):], true
}

// All yields names and values, by name.
func (a Annotations) All() iter.Seq2[string, string] {
	return func(yield func(name, value string) bool) {
		for rest := a.list; rest != ""; {
			name, behind, _ := cutString(rest)
			value, after, _ := cutString(behind)
			if rest = after; !yield(name, value) {
				return
			}
		}
	}
}

// Get finds the value of a name.
func (a Annotations) Get(name string) (value string, ok bool) {
	for n, v := range a.All() {
		if n == name {
			return v, true
		}
	}
	return "", false
}

// Size is what the annotations take up, in bytes.
func (a Annotations) Size() int { return len(a.list) }

// With is a with changes made, in their order. ErrTooMany when there would be more, or
// larger ones, than a mailbox can have.
func (a Annotations) With(changes ...Annotation) (Annotations, error) {
	var list []Annotation
	for name, value := range a.All() {
		list = append(list, Annotation{Name: name, Value: value})
	}
	for _, c := range changes {
		i, found := slices.BinarySearchFunc(list, c.Name, func(o Annotation, name string) int { return strings.Compare(o.Name, name) })
		switch {
		case !c.Gone && (c.Name == "" || len(c.Name) > MaxAnnotationName || len(c.Value) > MaxAnnotation):
			return a, ErrTooMany
		case found && c.Gone:
			list = slices.Delete(list, i, i+1)
		case found:
			list[i] = c
		case !c.Gone:
			list = slices.Insert(list, i, c)
		}
	}
	var b []byte
	for _, o := range list {
		b = append(binary.AppendUvarint(b, uint64(len(o.Name))), o.Name...)
		b = append(binary.AppendUvarint(b, uint64(len(o.Value))), o.Value...)
	}
	if len(list) > MaxAnnotations || len(b) > MaxAnnotationBytes {
		return a, ErrTooMany
	}
	return Annotations{string(b)}, nil
}
