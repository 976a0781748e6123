package clienttest

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"strings"
)

// sample is a message that a mail system may trip over.
type sample struct {
	name string
	body []byte
	from string // who sends it; empty: an ordinary address
	to   string // local part; empty: the account for these tests
	utf8 bool   // with SMTPUTF8
	bdat int    // sent in chunks of this size; 0: with DATA
}

// sizes of the largest samples, in bytes.
const (
	attachmentSize = 50 << 20
	recipients     = 10_000
	longLine       = 100_000
	nesting        = 20
)

// samples are small enough to be held in memory; the attachment is made by itself.
func samples() []sample {
	eight := "From: =?iso-8859-1?Q?J=F6rg?= <joerg@example.net>\r\nSubject: eight bits\r\nMIME-Version: 1.0\r\n" +
		"Content-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGr\xfc\xdfe, \xa0\xff\r\n\r\n"
	short := []byte("From: a@example.net\r\nSubject: no line end\r\n\r\nThis line is not ended")
	return []sample{
		{name: "8-bit text", body: []byte(eight)},
		{name: "every byte but NUL, CR and LF", body: everyByte()},
		{name: "20 multiparts in each other", body: nested(nesting)},
		{name: "10,000 recipients in the header", body: crowd(recipients)},
		{name: "empty", body: []byte{}},
		{name: "one empty line", body: []byte("\r\n")},
		{name: "no header", body: []byte("\r\nThere are no fields above this line.\r\n")},
		{name: "text where the header should be", body: []byte("Just some words,\r\nand some more.\r\n\r\nAnd a third part.\r\n")},
		{name: "header only", body: []byte("From: a@example.net\r\nSubject: no body\r\n")},
		{name: "lines of 998 characters", body: []byte("Subject: long lines\r\n\r\n" + strings.Repeat(strings.Repeat("x", 998)+"\r\n", 3))},
		{name: "lines of 100,000 characters", body: []byte("Subject: longer\r\nX-Long: " + strings.Repeat("y", longLine) + "\r\n\r\n" + strings.Repeat(strings.Repeat("z", longLine)+"\r\n", 2))},
		{name: "dots and spaces", body: []byte("Subject: dots \r\nX-Empty: \r\n\r\n.\r\n..\r\n...\r\n. \r\n.x\r\n \t \r\ntrailing  \r\n\t\r\n.\r\n")},
		{name: "From and other words that mailbox files need", body: []byte("Subject: mbox\r\n\r\nFrom me to you\r\n>From\r\nFrom \r\n\r\nFrom x\r\n")},
		{name: "SMTPUTF8", from: "jörg@bücher.example", to: "šaban", utf8: true,
			body: []byte("From: Jörg <jörg@bücher.example>\r\nTo: Šaban <šaban@" + domain + ">\r\nSubject: Грузија \U0001F4EC\r\n\r\nПоздрав, 你好\r\n")},
		{name: "no line end, in one chunk", body: short, bdat: 1 << 20},
		{name: "dots in small chunks", body: []byte("Subject: chunks\r\n\r\n.\r\n..\r\n.\r\n" + strings.Repeat("abc\r\n.\r\n", 50)), bdat: 7},
	}
}

// everyByte has each byte that a message may have, in the body and in a field.
func everyByte() []byte {
	var line []byte
	for b := 1; b < 256; b++ {
		if b != '\r' && b != '\n' {
			line = append(line, byte(b))
		}
	}
	return fmt.Appendf(nil, "Subject: bytes\r\nX-Bytes: %s\r\n\r\n%s\r\n", line, line)
}

// nested has multiparts in each other, with text at every level.
func nested(depth int) []byte {
	var b bytes.Buffer
	b.WriteString("From: a@example.net\r\nSubject: nested\r\nMIME-Version: 1.0\r\n")
	for i := range depth {
		fmt.Fprintf(&b, "Content-Type: multipart/mixed; boundary=\"level %d\"\r\n\r\npreamble %d\r\n--level %d\r\nContent-Type: text/plain\r\n\r\ntext %d\r\n--level %d\r\n", i, i, i, i, i)
	}
	b.WriteString("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nthe innermost: ß\r\n")
	for i := depth - 1; i >= 0; i-- {
		fmt.Fprintf(&b, "--level %d--\r\nepilogue %d\r\n", i, i)
	}
	return b.Bytes()
}

// crowd has a To field with so many addresses, folded as programs do.
func crowd(n int) []byte {
	var b bytes.Buffer
	b.WriteString("From: a@example.net\r\nSubject: to everybody\r\nTo: ")
	for i := range n {
		if i > 0 {
			b.WriteString(",\r\n ")
		}
		fmt.Fprintf(&b, "\"Person, the %d.\" <person%05d@example.net>", i, i)
	}
	b.WriteString("\r\n\r\nHello, all of you.\r\n")
	return b.Bytes()
}

// attachment is a message with a file of so many bytes in base64. The bytes are always the same.
func attachment(size int) []byte {
	raw := make([]byte, size)
	random := rand.NewChaCha8([32]byte{'a', 't', 't', 'a', 'c', 'h'})
	_, _ = random.Read(raw) // it never fails
	text := make([]byte, base64.StdEncoding.EncodedLen(len(raw)))
	base64.StdEncoding.Encode(text, raw)
	var b bytes.Buffer
	b.Grow(len(text)/76*78 + 1000)
	b.WriteString("From: a@example.net\r\nSubject: holiday pictures\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=cut\r\n\r\n" +
		"--cut\r\nContent-Type: text/plain\r\n\r\nHere they are.\r\n--cut\r\nContent-Type: application/zip; name=pictures.zip\r\n" +
		"Content-Disposition: attachment; filename=pictures.zip\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for len(text) > 0 {
		n := min(76, len(text))
		b.Write(text[:n])
		b.WriteString("\r\n")
		text = text[n:]
	}
	b.WriteString("--cut--\r\n")
	return b.Bytes()
}
