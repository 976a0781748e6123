package monitor

import (
	"archive/zip"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

// MaxLog is how much of the log a bundle has, in bytes: the last days of a small office.
const MaxLog = 8 << 20

// Entry is a file of a bundle.
type Entry struct {
	Name  string // in the archive
	About string // one sentence: what is in it, and what is not
	// Write writes its content; nothing in it needs to be veiled.
	Write func(w io.Writer) error
}

// Veil hides who people are: what stands before the @ of an address becomes a word that
// is the same in one bundle wherever it stands, and another in the next one. Subjects
// of mail are left out.
type Veil struct {
	key     [16]byte
	address *regexp.Regexp
}

// NewVeil makes one.
func NewVeil() *Veil {
	v := &Veil{address: regexp.MustCompile(`[^\s"<>(),:;@\[\]\\=]+@([A-Za-z0-9\x{80}-\x{10ffff}-]+(?:\.[A-Za-z0-9\x{80}-\x{10ffff}-]+)*)`)}
	rand.Read(v.key[:])
	return v
}

// Text veils a text.
func (v *Veil) Text(text string) string {
	return v.address.ReplaceAllStringFunc(text, func(found string) string {
		at := v.address.FindStringSubmatch(found)
		mac := hmac.New(sha256.New, v.key[:])
		_, _ = mac.Write([]byte(found)) // a Hash doesn't fail
		return "person-" + hex.EncodeToString(mac.Sum(nil)[:4]) + "@" + at[1]
	})
}

// Line veils a line of the log, a JSON object; "" for what is none.
func (v *Veil) Line(line []byte) string {
	fields, err := generic(line)
	object, ok := fields.(map[string]any)
	if err != nil || !ok {
		return ""
	}
	for _, name := range []string{"subject", "text", "sample"} { // words of people
		delete(object, name)
	}
	out, err := write(v.value(object), "")
	if err != nil {
		return ""
	}
	return out
}

// JSON writes a value as JSON for people, its texts veiled.
func (v *Veil) JSON(value any) (string, error) {
	text, err := json.Marshal(value)
	if err != nil {
		return "", err
	}
	whole, err := generic(text)
	if err != nil {
		return "", err
	}
	return write(v.value(whole), "  ")
}

// value veils texts as they are, not as JSON writes them: there a line end before an
// address would look like a part of it.
func (v *Veil) value(value any) any {
	switch x := value.(type) {
	case string:
		return v.Text(x)
	case []any:
		for i := range x {
			x[i] = v.value(x[i])
		}
	case map[string]any:
		veiled := make(map[string]any, len(x))
		for name, below := range x {
			veiled[v.Text(name)] = v.value(below)
		}
		return veiled
	}
	return value
}

func generic(text []byte) (value any, err error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	err = d.Decode(&value)
	return value, err
}

func write(value any, indent string) (string, error) {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", indent)
	err := e.Encode(value)
	return strings.TrimSuffix(b.String(), "\n"), err
}

// WriteBundle writes an archive with all entries, and in front a list of them.
func WriteBundle(w io.Writer, entries []Entry, now time.Time) error {
	z := zip.NewWriter(w)
	add := func(name string, write func(io.Writer) error) error {
		f, err := z.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: now.UTC()})
		if err == nil {
			err = write(f)
		}
		if err != nil {
			return fmt.Errorf("bundle: %s: %w", name, err)
		}
		return nil
	}
	err := add("README.txt", func(w io.Writer) error {
		_, err := fmt.Fprintln(w, "What is in this bundle. There is no mail, no password and no key in it; what stands before the @ of addresses is veiled.")
		for _, e := range entries {
			if err == nil {
				_, err = fmt.Fprintf(w, "%s: %s\n", e.Name, e.About)
			}
		}
		return err
	})
	for _, e := range entries {
		if err != nil {
			return err
		}
		err = add(e.Name, e.Write)
	}
	if err != nil {
		return err
	}
	return z.Close()
}
