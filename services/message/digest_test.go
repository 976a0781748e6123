package message

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"reflect"
	"testing"
)

var update = flag.Bool("update", false, "write the golden digest anew")

// goldenMessage has every field that a digest holds.
const goldenMessage = `Date: Mon, 22 Nov 2026 09:15:00 -0330
From: Team: Alice <@r:a@b>, c@d;
Sender: Alice <a@b>
To: bob@example.org
Cc: "C, D" <cd@example.org>
Bcc: e@f
Subject: Re: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Message-ID: <1@example.org>
In-Reply-To: <0@example.org>
References: <x@y> <0@example.org>
Content-Type: multipart/mixed; boundary="b 1"; charset*0*=utf-8''x

--b 1
Content-Type: text/plain; charset=utf-8
Content-ID: <part1@x>
Content-Description: the text
Content-Transfer-Encoding: 8bit
Content-MD5: Q2hlY2sgSW50ZWdyaXR5IQ==
Content-Disposition: inline; filename=a.txt
Content-Language: de, en
Content-Location: http://example.org/a.txt

Hello
--b 1
Content-Type: message/rfc822

Subject: inside

body
--b 1--
`

// TestGolden: digests that an earlier version of the box has written are read
// for ever. A new version of the format gets a file of its own.
func TestGolden(t *testing.T) {
	t.Parallel()
	const file = "testdata/digest.v1"
	d := scan(t, crlf(goldenMessage))
	if *update {
		if err := os.WriteFile(file, d.AppendBinary(nil), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeDigest(b)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, d) {
		t.Errorf("%s\n got %+v\nwant %+v", file, got, d)
	}
	if again := d.AppendBinary([]byte("x")); !bytes.Equal(again[1:], b) {
		t.Errorf("the digest is now encoded in another way, under the same version")
	}
}

func TestDecodeDigestRefuses(t *testing.T) {
	t.Parallel()
	good := scan(t, goldenMessage).AppendBinary(nil)
	for n := range good {
		if _, err := DecodeDigest(good[:n]); !errors.Is(err, ErrDigest) {
			t.Fatalf("the first %d bytes: %v; want ErrDigest", n, err)
		}
	}
	if _, err := DecodeDigest(append(bytes.Clone(good), 0)); !errors.Is(err, ErrDigest) {
		t.Errorf("a byte too many: %v; want ErrDigest", err)
	}
	bad := bytes.Clone(good)
	bad[0]++
	if _, err := DecodeDigest(bad); !errors.Is(err, ErrDigest) {
		t.Errorf("a later version: %v; want ErrDigest", err)
	}
}

func FuzzDigest(f *testing.F) {
	f.Add(scan(f, goldenMessage).AppendBinary(nil))
	for _, test := range structureTests {
		f.Add(scan(f, test.text).AppendBinary(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d, err := DecodeDigest(b)
		if err != nil {
			return
		}
		checkDigest(t, d, d.Size)
		// What is damaged must not cost more than its own size.
		if again := d.AppendBinary(nil); len(again) > len(b)+100 {
			t.Errorf("%d bytes decode to what takes %d", len(b), len(again))
		}
	})
}
