package wire

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"
)

func testLimits() Limits { return Limits{Line: 100, Literals: 10, Discard: 1000} }

// newTestReader reads input byte by byte, so that nothing depends on how it
// comes.
func newTestReader(input string) *Reader {
	r := NewReader(&Buffers{}, iotest.OneByteReader(strings.NewReader(input)), func() error { return nil })
	r.Begin(testLimits())
	return r
}

func TestReaderTokens(t *testing.T) {
	t.Parallel()
	r := newTestReader("a1 LoGiN atom]x \"q\\\"\\\\u\" {3}\r\na\r\n (\\Seen $x) 42 4294967296 NIL inb* ü 1:*,7,*:2 $\r\n")
	check := func(what, got, want string) {
		t.Helper()
		if got != want || r.Err() != nil {
			t.Fatalf("%s: got %q, %v; want %q", what, got, r.Err(), want)
		}
	}
	check("tag", r.Tag(), "a1")
	r.SP()
	check("keyword", r.Keyword(), "LOGIN")
	r.SP()
	check("astring", r.AString(), "atom]x")
	r.SP()
	check("quoted", r.AString(), `q"\u`)
	r.SP()
	check("literal", r.AString(), "a\r\n")
	r.SP()
	var flags []string
	r.List(func() { flags = append(flags, r.Flag()) })
	check("flags", strings.Join(flags, " "), `\Seen $x`)
	r.SP()
	if got := r.Number(); got != 42 {
		t.Errorf("number: got %d, want 42", got)
	}
	r.SP()
	if got := r.Number64(); got != 1<<32 {
		t.Errorf("number64: got %d, want 1<<32", got)
	}
	r.SP()
	if got := r.NString(); got != nil {
		t.Errorf("NIL: got %q", *got)
	}
	r.SP()
	check("pattern", r.ListPattern(), "inb*")
	r.SP()
	check("utf-8", r.AString(), "ü")
	r.SP()
	set := r.NumSet()
	if len(set.Ranges) != 3 || set.Ranges[0] != (NumRange{1, 0}) || set.Ranges[2] != (NumRange{0, 2}) {
		t.Errorf("set: got %v", set)
	}
	r.SP()
	if !r.NumSet().Saved {
		t.Error("$: not saved")
	}
	if r.CRLF(); r.Err() != nil || !r.Ended() {
		t.Errorf("CRLF: %v", r.Err())
	}
}

// TestReaderErrors: each input has one thing wrong with it; after Discard the
// next command is read, unless the connection can't go on.
func TestReaderErrors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, input string
		parse       func(r *Reader)
		want        string // of the error
		fatal       bool
	}{
		{"no atom", "(x\r\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, false},
		{"unended quote", "\"abc\r\n", func(r *Reader) { _ = r.String() }, "a quoted string does not end on its line", false},
		{"quote with a literal's end", "\"abc{3+}\r\n", func(r *Reader) { _ = r.String() }, "a quoted string ends with its line", true},
		{"bad escape", "\"a\\b\"\r\n", func(r *Reader) { _ = r.String() }, `only " and \ can follow a \ in a quoted string`, false},
		{"not UTF-8", "\"\xff\"\r\n", func(r *Reader) { _ = r.String() }, "a quoted string is not UTF-8", false},
		{"literal over its limit", "{12+}\r\nx NOOP\r\nxy\r\n\r\n", func(r *Reader) { _ = r.String() }, "literal of 12 bytes is larger than the limit of 10", false},
		{"literals over their budget", "{6+}\r\nabcdef{7+}\r\nx NOO\r\n\r\n", func(r *Reader) { _, _ = r.String(), r.String() }, "literal of 7 bytes is larger than the limit of 4", false},
		{"synchronising literal over its limit", "{11}\r\n", func(r *Reader) { _ = r.String() }, "literal of 11 bytes is larger than the limit of 10", false},
		{"literal without size", "{}\r\n", func(r *Reader) { _ = r.String() }, `a literal needs its size in bytes before "}"`, false},
		{"literal that is far too large", "{999999999999999999999+}\r\n", func(r *Reader) { _ = r.String() }, "literal is too large", true},
		{"literal to skip that is too large", "{1001+}\r\n", func(r *Reader) { _ = r.String() }, "literal is too large", true},
		{"unexpected literals", "(x {7+}\r\nx NOOP\n (\"y\" {3+}\r\nabc z\r\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, false},
		{"unexpected synchronising literal", "(x {7}\r\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, false},
		{"literal in the middle of nothing", "{1{3+}\r\nabc\r\n", func(r *Reader) { _ = r.String() }, `expected "}" before "{"`, false},
		{"literal skipped that has too many digits", "(x {0000000000000000000000007+}\r\nx NOOP\n\r\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, true},
		{"literal skipped of which there is no number", "(x {9999999999999999999+}\r\nx NOOP\n\r\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, true},
		{"line that ends in a literal's header", strings.Repeat("x", 95) + " {7+}\r\nx NOOP\n\r\n", func(r *Reader) { r.Atom(); r.SP(); _ = r.String() }, "command line is too long", false},
		{"line that ends in what may be a literal's header", `"` + strings.Repeat("x", 97) + "{7+}\r\nx NOOP\n\r\n", func(r *Reader) { _ = r.String() }, "a quoted string is too long", true},
		{"long line", strings.Repeat("x", 101) + "\r\n", func(r *Reader) { r.Atom() }, "command line is too long", false},
		{"very long line", strings.Repeat("x", 2000) + "\r\n", func(r *Reader) { r.Atom() }, "command line is too long", true},
		{"bare LF", "x\n", func(r *Reader) { r.Atom(); r.CRLF() }, "a line must end with CR LF", true},
		{"bare LF while skipping", "(\n", func(r *Reader) { r.Atom() }, `expected an atom before "("`, true},
		{"more than wanted", "x y\r\n", func(r *Reader) { r.Atom(); r.CRLF() }, `there is more on the line than the command takes before " "`, false},
		{"NUL", "x\x00\r\n", func(r *Reader) { r.Atom() }, "a NUL byte is not allowed here", false},
		{"NUL in a literal", "{1+}\r\n\x00\r\n", func(r *Reader) { _ = r.String() }, "a NUL byte is only allowed in a literal8", false},
		{"number too large", "4294967296\r\n", func(r *Reader) { r.Number() }, "the number 4294967296 is too large", false},
		{"message number 0", "0:1\r\n", func(r *Reader) { r.NumSet() }, "0 is not a message number", false},
		{"date", "1-Foo-2026\r\n", func(r *Reader) { r.Date() }, `"1-Foo-2026" is not a date such as 1-Feb-2026`, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			r := newTestReader(test.input + "next\r\n")
			test.parse(r)
			if r.Err() == nil || r.Err().Error() != test.want {
				t.Errorf("got %v, want %q", r.Err(), test.want)
			}
			err := r.Discard()
			_, fatal := errors.AsType[*FatalError](err)
			if fatal != test.fatal || !fatal && err != nil {
				t.Fatalf("Discard: got %v, want fatal %v", err, test.fatal)
			}
			if fatal {
				return
			}
			r.Begin(testLimits())
			if got := r.Atom(); got != "next" {
				t.Errorf("the next command begins with %q (%v), want \"next\"", got, r.Err())
			}
		})
	}
}

// TestReaderConnection: an error of the connection stays.
func TestReaderConnection(t *testing.T) {
	t.Parallel()
	r := newTestReader("abc")
	r.Atom()
	if !errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("got %v, want %v", r.Err(), io.ErrUnexpectedEOF)
	}
	if err := r.Discard(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("Discard: got %v, want %v", err, io.ErrUnexpectedEOF)
	}
	r.Begin(testLimits())
	if r.Atom(); !errors.Is(r.Err(), io.ErrUnexpectedEOF) {
		t.Errorf("after Begin: got %v, want %v", r.Err(), io.ErrUnexpectedEOF)
	}
}

// FuzzReader reads arbitrary tokens from arbitrary bytes: nothing panics, nothing
// is kept beyond the limits, and Discard finds an end or says that there is none.
func FuzzReader(f *testing.F) {
	f.Add([]byte("a \"b\\\\\" {3+}\r\nabc (x) 1:*,$\r\n"), []byte("tslqsn$"))
	f.Add([]byte("(((\r\n{1}\r\n"), []byte("aL"))
	f.Fuzz(func(t *testing.T, input, program []byte) {
		asked := 0
		r := NewReader(&Buffers{}, bytes.NewReader(input), func() error { asked++; return nil })
		r.Begin(testLimits())
		kept := 0
		for _, op := range program {
			switch op % 10 {
			case 0:
				kept += len(r.Atom())
			case 1:
				kept += len(r.AString())
			case 2:
				r.SP()
			case 3:
				kept += len(r.NumSet().Ranges)
			case 4:
				r.List(func() { kept += len(r.AString()) })
			case 5:
				r.Date()
			case 6:
				r.Number64()
			case 7:
				if s := r.NString(); s != nil {
					kept += len(*s)
				}
			case 8:
				if lit := r.Literal(10); lit != nil {
					_ = lit.Open()
					_ = lit.Skip()
				}
			case 9:
				r.CRLF()
			}
		}
		if most := testLimits().Line + int(testLimits().Literals); kept > most {
			t.Errorf("%d bytes were kept, want %d at most", kept, most)
		}
		if err := r.Discard(); err == nil && !r.Ended() {
			t.Error("Discard did not reach the end")
		}
	})
}
