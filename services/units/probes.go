package units

// Probe is what a healthy answer on a socket looks like, for the box's own
// check after a start.
type Probe struct {
	Socket string // FileDescriptorName=
	TLS    bool   // a handshake comes first
	Send   string
	Want   string // how the answer begins
}

// Probes returns one for each way of speaking: the greeting of SMTP (RFC 5321
// §4.3.1), IMAP (RFC 9051 §7.1), POP3 (RFC 1939 §4), a web page, and the one
// certificate that all TLS sockets share.
func Probes() []Probe {
	return []Probe{
		{Socket: "smtp", Want: "220 "},
		{Socket: "submission", Want: "220 "},
		{Socket: "imap", Want: "* OK"},
		{Socket: "pop3", Want: "+OK"},
		{Socket: "http", Send: "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", Want: "HTTP/1.1 "},
		{Socket: "https", TLS: true},
	}
}
