package web

import (
	"cmp"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"

	"github.com/sanduk-mail/sanduk/services/mail"
)

func itoa(n int) string { return strconv.Itoa(n) }

// clientConfig is Thunderbird's autoconfiguration file, version 1.1.
type clientConfig struct {
	XMLName  xml.Name `xml:"clientConfig"`
	Version  string   `xml:"version,attr"`
	Provider struct {
		ID       string         `xml:"id,attr"`
		Domains  []string       `xml:"domain"`
		Name     string         `xml:"displayName"`
		Short    string         `xml:"displayShortName"`
		Incoming []configServer `xml:"incomingServer"`
		Outgoing []configServer `xml:"outgoingServer"`
	} `xml:"emailProvider"`
}

type configServer struct {
	Type           string `xml:"type,attr"`
	Hostname       string `xml:"hostname"`
	Port           int    `xml:"port"`
	SocketType     string `xml:"socketType"`
	Username       string `xml:"username"`
	Authentication string `xml:"authentication"`
}

// autoconfig is GET /mail/config-v1.1.xml and its well-known twin. It names no
// account, so it doesn't matter which address was asked for.
func (s *Server) autoconfig(w http.ResponseWriter, r *http.Request) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	if !state.SetUp || len(state.Domains) == 0 {
		return &Problem{Status: http.StatusNotFound, Message: "The box has not been set up yet."}
	}
	var c clientConfig
	c.Version = "1.1"
	for _, d := range state.Domains {
		c.Provider.Domains = append(c.Provider.Domains, d.String())
	}
	c.Provider.ID, c.Provider.Name, c.Provider.Short = state.Domains[0].String(), state.Domains[0].Unicode(), state.Domains[0].Unicode()
	for _, p := range protocols(s.ports(r)) {
		server := configServer{
			Type: p.Kind, Hostname: state.Hostname.String(), Port: p.Port,
			SocketType: map[string]string{"TLS": "SSL", "STARTTLS": "STARTTLS"}[p.Security],
			Username:   "%EMAILADDRESS%", Authentication: "password-cleartext", // inside TLS
		}
		if p.Kind == "smtp" {
			c.Provider.Outgoing = append(c.Provider.Outgoing, server)
		} else {
			c.Provider.Incoming = append(c.Provider.Incoming, server)
		}
	}
	return writeXML(w, "text/xml; charset=utf-8", c)
}

func writeXML(w http.ResponseWriter, kind string, v any) error {
	text, err := xml.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	text = append([]byte(xml.Header), append(text, '\n')...)
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Length", itoa(len(text)))
	_, _ = w.Write(text) // the reader is gone when this fails
	return nil
}

// The schemas of [MS-OXDSCLI] §2.2.2 and §2.2.4: what a program asks with, and
// the one answer that this box has.
const (
	discoverRequest  = "http://schemas.microsoft.com/exchange/autodiscover/outlook/requestschema/2006"
	discoverResponse = "http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a"
	discoverOuter    = "http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006"
)

type discoverQuery struct {
	XMLName xml.Name `xml:"Autodiscover"`
	Request struct {
		Address string `xml:"EMailAddress"`
		Schema  string `xml:"AcceptableResponseSchema"`
	} `xml:"Request"`
}

type discoverAnswer struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Autodiscover"`
	Response any      `xml:"Response"`
}

type discoverAccount struct {
	XMLName xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/outlook/responseschema/2006a Response"`
	User    struct {
		Name string `xml:"DisplayName"`
	} `xml:"User"`
	Account struct {
		Type      string             `xml:"AccountType"`
		Action    string             `xml:"Action"`
		Protocols []discoverProtocol `xml:"Protocol"`
	} `xml:"Account"`
}

type discoverProtocol struct {
	Type         string
	Server       string
	Port         int
	LoginName    string
	DomainReq    string `xml:"DomainRequired"`
	SPA          string
	SSL          string
	Encryption   string // of [MS-OXDSCLI] 2.2.4.1.1.2.13: TLS means STARTTLS
	AuthRequired string
	UsePOPAuth   string `xml:",omitempty"`
	SMTPLast     string `xml:",omitempty"`
}

type discoverError struct {
	XMLName xml.Name `xml:"http://schemas.microsoft.com/exchange/autodiscover/responseschema/2006 Response"`
	Error   struct {
		Time    string `xml:"Time,attr"`
		ID      string `xml:"Id,attr"`
		Code    int    `xml:"ErrorCode"`
		Message string
		Debug   string `xml:"DebugData"`
	} `xml:"Error"`
}

// autodiscover is POST /autodiscover/autodiscover.xml, by which older Outlooks
// and other programs find IMAP, POP3 and SMTP. It answers for every address of
// the office's domains, existing or not, so it tells nobody who works here.
func (s *Server) autodiscover(w http.ResponseWriter, r *http.Request) error {
	var q discoverQuery
	body := http.MaxBytesReader(w, r.Body, maxAutodiscover)
	if err := xml.NewDecoder(body).Decode(&q); err != nil {
		return s.discoverError(w, 600, "Invalid Request")
	}
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	if schema := strings.TrimSpace(q.Request.Schema); cmp.Or(schema, discoverResponse) != discoverResponse || q.XMLName.Space != discoverRequest {
		return s.discoverError(w, 601, "Provider is not available")
	}
	address, err := mail.ParseAddress(strings.TrimSpace(q.Request.Address))
	if err != nil || !state.SetUp || !ours(address, state.Domains) {
		return s.discoverError(w, 500, "The email address can't be found.")
	}
	var a discoverAccount
	a.User.Name = address.String()
	a.Account.Type, a.Account.Action = "email", "settings"
	done := map[string]bool{}
	for _, p := range protocols(s.ports(r)) {
		if done[p.Name] { // Outlook takes the first of each kind
			continue
		}
		done[p.Name] = true
		out := discoverProtocol{Type: p.Name, Server: state.Hostname.String(), Port: p.Port, LoginName: address.String(),
			DomainReq: "off", SPA: "off", SSL: "on", Encryption: "SSL", AuthRequired: "on"}
		if p.Kind == "smtp" {
			out.UsePOPAuth, out.SMTPLast = "on", "off" // the same name and password as for reading
		}
		a.Account.Protocols = append(a.Account.Protocols, out)
	}
	return writeXML(w, "text/xml; charset=utf-8", discoverAnswer{Response: a})
}

func (s *Server) discoverError(w http.ResponseWriter, code int, message string) error {
	var e discoverError
	e.Error.Time, e.Error.ID = s.now().UTC().Format("15:04:05.0000000"), "0"
	e.Error.Code, e.Error.Message = code, message
	return writeXML(w, "text/xml; charset=utf-8", discoverAnswer{Response: e})
}
