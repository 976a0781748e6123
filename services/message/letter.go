package message

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"strings"
)

// Letter is a message that a machine writes to another: some words for a person who
// looks into it, and a packed file.
type Letter struct {
	Header   []string // lines without their ends, but for the content's own
	Kind     string   // of the whole: "mixed", or "report" with its parameters
	Boundary string
	Text     []string // lines, ASCII
	FileType string   // media type of the file
	FileName string   // ASCII, without quotes
	File     []byte
}

// Encode gives the message, lines ending in CRLF. Signing it is up to who sends it.
func (l *Letter) Encode() []byte {
	var b strings.Builder
	write := func(lines ...string) {
		for _, line := range lines {
			b.WriteString(line + "\r\n")
		}
	}
	write(l.Header...)
	write("MIME-Version: 1.0",
		"Content-Type: multipart/"+l.Kind+";", "\tboundary=\""+l.Boundary+"\"",
		"",
		"--"+l.Boundary,
		"Content-Type: text/plain; charset=us-ascii",
		"")
	write(l.Text...)
	write("",
		"--"+l.Boundary,
		"Content-Type: "+l.FileType,
		"Content-Transfer-Encoding: base64",
		"Content-Disposition: attachment;",
		"\tfilename=\""+l.FileName+"\"",
		"")
	for data := base64.StdEncoding.EncodeToString(l.File); data != ""; {
		n := min(76, len(data)) // RFC 2045 §6.8
		write(data[:n])
		data = data[n:]
	}
	write("--" + l.Boundary + "--")
	return []byte(b.String())
}

// Gzip packs a file. With a name (Latin-1) it unpacks under that.
func Gzip(name string, file []byte) []byte {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Name = name
	_, _ = z.Write(file) // a Buffer takes everything; Close says what else was wrong
	if err := z.Close(); err != nil {
		panic(err) // a name that is not Latin-1
	}
	return packed.Bytes()
}
