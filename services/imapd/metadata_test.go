package imapd

import (
	"fmt"
	"strings"
	"testing"

	"github.com/emersion/go-imap/v2/imapclient"

	"github.com/sanduk-mail/sanduk/services/mail"
)

// TestMetadataClient has go-imap's client write and read annotations, of any bytes that
// it can send.
func TestMetadataClient(t *testing.T) {
	t.Parallel()
	c := newBox(t).newClient(nil)
	comment, long := []byte("Grüße\r\n"), []byte(strings.Repeat("x", mail.MaxAnnotation))
	if err := c.SetMetadata("INBOX", map[string]*[]byte{"/private/comment": &comment, "/shared/vendor/x/long": &long}).Wait(); err != nil {
		t.Fatal(err)
	}
	limit := uint32(100)
	got := must[*imapclient.GetMetadataData](t, "GETMETADATA")(c.GetMetadata("INBOX", []string{"/private", "/shared"}, &imapclient.GetMetadataOptions{
		MaxSize: &limit, Depth: imapclient.GetMetadataDepthInfinity,
	}).Wait())
	if v := got.Entries["/private/comment"]; len(got.Entries) != 1 || v == nil || string(*v) != string(comment) {
		t.Errorf("GETMETADATA: got %v, want the comment alone", got.Entries)
	}
}

// TestMetadataBounds: one byte too much, and one entry too many, are refused in words
// that programs know, and nothing of them is kept.
func TestMetadataBounds(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	said.WriteString("S: /\\* OK .*/\nC: a LOGIN alice@example.test secret\nS: /a OK .*/\n")
	fmt.Fprintf(&said, "C8: \"b SETMETADATA INBOX (/private/small \\\"x\\\" /private/large {%d+}\\r\\n\" \"x\"*%d \")\\r\\n\"\n", mail.MaxAnnotation+1, mail.MaxAnnotation+1)
	fmt.Fprintf(&said, "S: b NO [METADATA MAXSIZE %d] The value of an entry can have %d bytes at most\n", mail.MaxAnnotation, mail.MaxAnnotation)
	said.WriteString("C: c GETMETADATA (DEPTH infinity) INBOX /private\nS: c OK GETMETADATA completed\n")
	for i := range mail.MaxAnnotations {
		fmt.Fprintf(&said, "C: d%d SETMETADATA INBOX (/private/%d \"\")\nS: d%d OK SETMETADATA completed\n", i, i, i)
	}
	said.WriteString("C: e SETMETADATA \"\" (/private/more \"\")\nS: e NO [METADATA TOOMANY] There is no room for more entries\n")
	fmt.Fprintf(&said, "C: f GETMETADATA INBOX (%s)\nS: f BAD More than %d entries\n", strings.TrimSpace(strings.Repeat("/private/1 ", maxMetadataEntries+1)), maxMetadataEntries)
	newBox(t).runner().Run(t, "bounds", said.String())
}
