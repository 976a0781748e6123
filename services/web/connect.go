package web

import (
	"encoding/pem"
	"net"
	"net/http"
	"strings"

	"rsc.io/qr"
)

// Ports are the TCP ports at which programs reach the box.
type Ports struct {
	IMAP, IMAPS, POP3, POP3S, Submission, Submissions int
	HTTP, HTTPS                                       int
}

func (p Ports) orStandard() Ports {
	if p == (Ports{}) {
		return Ports{IMAP: 143, IMAPS: 993, POP3: 110, POP3S: 995, Submission: 587, Submissions: 465, HTTP: 80, HTTPS: 443}
	}
	return p
}

// forwarded are the ports at which `make run` and `make dev` show the box on
// the developer's machine. The box can't know that it is forwarded, except by
// the port in the Host field.
func forwarded() Ports {
	return Ports{IMAP: 2143, IMAPS: 2993, POP3: 2110, POP3S: 2995, Submission: 2587, Submissions: 2465, HTTP: 2080, HTTPS: 2443}
}

// ports are those that work from where the request came.
func (s *Server) ports(r *http.Request) Ports {
	if port := portOf(r.Host); port == "2443" || port == "2080" {
		return forwarded()
	}
	return s.opt.Ports
}

// protocol is one line of the client settings.
type protocol struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"` // imap, pop3 or smtp, as Thunderbird's format has it
	Port     int    `json:"port"`
	Security string `json:"security"` // TLS from the first byte, or STARTTLS
}

// protocols are in the order of preference: implicit TLS first (RFC 8314 §3).
func protocols(p Ports) []protocol {
	return []protocol{
		{"IMAP", "imap", p.IMAPS, "TLS"}, {"IMAP", "imap", p.IMAP, "STARTTLS"},
		{"POP3", "pop3", p.POP3S, "TLS"}, {"POP3", "pop3", p.POP3, "STARTTLS"},
		{"SMTP", "smtp", p.Submissions, "TLS"}, {"SMTP", "smtp", p.Submission, "STARTTLS"},
	}
}

// connectAnswer is what connect gives.
type connectAnswer struct {
	Server    string     `json:"server"`
	Addresses []string   `json:"addresses"`
	Domains   []string   `json:"domains"`
	Protocols []protocol `json:"protocols"`
	CA        string     `json:"ca,omitempty"`
	Link      string     `json:"link"` // what the QR code says
}

// connect is GET /api/connect: what a mail program has to be told. It holds
// nothing secret and is for everybody in the office.
func (s *Server) connect(w http.ResponseWriter, r *http.Request, _ caller) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	addresses := []string{}
	for _, a := range s.opt.Machine.Addresses() {
		addresses = append(addresses, a.String())
	}
	s.reply(w, r, http.StatusOK, connectAnswer{state.Hostname.String(), addresses, readable(state.Domains), protocols(s.ports(r)), fingerprint(s.opt.Certificates.CA()), connectLink(r)})
	return nil
}

func connectLink(r *http.Request) string { return "https://" + r.Host + "/connect" }

// connectQR is GET /api/connect/qr.svg: the link for a telephone's camera.
func (s *Server) connectQR(w http.ResponseWriter, r *http.Request, _ caller) error {
	code, err := qr.Encode(connectLink(r), qr.M)
	if err != nil {
		return &Problem{Status: http.StatusBadRequest, Message: "The box's name is too long for a QR code.", Cause: err}
	}
	w.Header().Set("Content-Type", "image/svg+xml")
	_, _ = w.Write(qrSVG(code)) // the reader is gone when this fails
	return nil
}

// qrSVG draws a code black on white with the quiet zone of four modules that
// ISO/IEC 18004 asks for, whatever the page's colours are.
func qrSVG(code *qr.Code) []byte {
	size := itoa(code.Size + 2*quietZone)
	return []byte(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ` + size + " " + size +
		`" shape-rendering="crispEdges"><rect width="100%" height="100%" fill="#fff"/><path fill="#000" d="` + qrPath(code) + `"/></svg>`)
}

// quietZone is in modules.
const quietZone = 4

// qrPath draws the dark modules, a run of them at a time, inside the quiet zone.
func qrPath(code *qr.Code) string {
	var b strings.Builder
	for y := range code.Size {
		for x := 0; x < code.Size; x++ {
			run := 0
			for code.Black(x+run, y) {
				run++
			}
			if run > 0 {
				b.WriteString("M" + itoa(x+quietZone) + " " + itoa(y+quietZone) + "h" + itoa(run) + "v1h-" + itoa(run) + "z")
				x += run
			}
		}
	}
	return b.String()
}

// certificate is GET /ca.crt (DER, which Windows and phones install when it is
// opened) and /ca.pem.
func (s *Server) certificate(asPEM bool) func(http.ResponseWriter, *http.Request) error {
	return func(w http.ResponseWriter, r *http.Request) error {
		der := s.opt.Certificates.CA()
		if len(der) == 0 {
			return &Problem{Status: http.StatusNotFound, Message: "This box doesn't use a CA of its own. Devices trust it already."}
		}
		kind, name := "application/x-x509-ca-cert", "sanduk-ca.crt"
		if asPEM {
			kind, name = "application/x-pem-file", "sanduk-ca.pem"
			der = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
		}
		w.Header().Set("Content-Type", kind)
		w.Header().Set("Content-Disposition", `attachment; filename="`+name+`"`)
		w.Header().Set("Content-Length", itoa(len(der)))
		_, _ = w.Write(der) // the reader is gone when this fails
		return nil
	}
}

// secureHost is the Host under which a client of port 80 reaches port 443.
func (s *Server) secureHost(r *http.Request) string {
	host, port := hostOf(r.Host), s.ports(r).HTTPS
	if port == 443 {
		if strings.Contains(host, ":") {
			return "[" + host + "]"
		}
		return host
	}
	return net.JoinHostPort(host, itoa(port))
}
