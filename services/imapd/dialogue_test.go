package imapd

import (
	"testing"

	"github.com/sanduk-mail/sanduk/services/mail"
	"github.com/sanduk-mail/sanduk/services/mailtest"
)

// TestDialogues plays every dialogue of testdata, each against a box of its own
// whose INBOX holds what fixture says.
func TestDialogues(t *testing.T) {
	t.Parallel()
	mailtest.RunFiles(t, "testdata/*.dialogue", func(t *testing.T) mailtest.Runner {
		b := newBox(t)
		b.fixture()
		return b.runner()
	})
}

// fixture fills INBOX with four messages: a plain one that is seen, a multipart
// with an attachment, one with a forwarded message inside, and a draft in UTF-8.
func (b *box) fixture() {
	b.put("INBOX", mail.NewFlags(`\Seen`), plainMessage)
	b.put("INBOX", mail.Flags{}, multipartMessage)
	b.put("INBOX", mail.NewFlags(`\Flagged`, "$Work"), forwardMessage)
	b.put("INBOX", mail.NewFlags(`\Draft`, `\Deleted`), utf8Message)
}

const plainMessage = `From: Bob Builder <bob@example.org>
To: alice@example.test, "Carol, C." <carol@example.test>
Subject: Plain greeting
Date: Sun, 01 Feb 2026 09:59:00 +0100
Message-ID: <plain@example.org>

Hello Alice,
this is plain.
`

const multipartMessage = `From: bob@example.org
To: alice@example.test
Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=
Date: Sun, 01 Feb 2026 12:00:00 +0000
Message-ID: <multi@example.org>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="b1"

preamble
--b1
Content-Type: text/plain; charset=utf-8
Content-Transfer-Encoding: quoted-printable

Gr=C3=BC=C3=9Fe aus Wien
--b1
Content-Type: application/octet-stream; name="a.bin"
Content-Transfer-Encoding: base64
Content-Disposition: attachment; filename="a.bin"

AAECAw==
--b1--
`

const forwardMessage = `From: carol@example.test
To: alice@example.test
Subject: Fwd: inner
Date: Mon, 02 Feb 2026 08:00:00 +0100
Message-ID: <fwd@example.test>
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b2

--b2
Content-Type: text/plain

See below.
--b2
Content-Type: message/rfc822

From: dave@example.net
Subject: inner
Content-Type: multipart/alternative; boundary=b3

--b3
Content-Type: text/plain

inner text
--b3
Content-Type: text/html

<p>inner html</p>
--b3--
--b2--
`

const utf8Message = `From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>
To: alice@example.test
Subject: Ünverschlüsselt
Date: Tue, 03 Feb 2026 08:00:00 +0100

Überall Zeichen.
`
