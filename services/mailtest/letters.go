package mailtest

// Letter is a message with its flags; lines end in LF.
type Letter struct {
	Flags []string
	Text  string
}

// Letters are the four messages that dialogues of IMAP begin with: a plain one that is seen, a multipart with an
// attachment, one with a forwarded message inside, and a draft in UTF-8.
func Letters() []Letter {
	return []Letter{
		{[]string{`\Seen`}, PlainLetter},
		{nil, MultipartLetter},
		{[]string{`\Flagged`, "$Work"}, ForwardLetter},
		{[]string{`\Draft`, `\Deleted`}, UTF8Letter},
	}
}

// PlainLetter is one of [Letters].
const PlainLetter = `From: Bob Builder <bob@example.org>
To: alice@example.test, "Carol, C." <carol@example.test>
Subject: Plain greeting
Date: Sun, 01 Feb 2026 09:59:00 +0100
Message-ID: <plain@example.org>

Hello Alice,
this is plain.
`

// MultipartLetter is one of [Letters].
const MultipartLetter = `From: bob@example.org
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

// ForwardLetter is one of [Letters].
const ForwardLetter = `From: carol@example.test
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

// UTF8Letter is one of [Letters].
const UTF8Letter = `From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>
To: alice@example.test
Subject: Ünverschlüsselt
Date: Tue, 03 Feb 2026 08:00:00 +0100

Überall Zeichen.
`
