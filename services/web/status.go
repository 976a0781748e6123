package web

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/sanduk-mail/sanduk/services/domain"
)

// status is GET /api/status.
type status struct {
	SetUp     bool     `json:"set_up"`
	SettingUp bool     `json:"setting_up"` // a set-up is running this moment
	Version   string   `json:"version"`
	Hostname  string   `json:"hostname,omitempty"`
	Domains   []string `json:"domains,omitempty"`
	Timezone  string   `json:"timezone,omitempty"`
	URLs      []string `json:"urls"`
	// Certificate and CA are SHA-256 fingerprints, "7F:2A:…": of the one that
	// the browser shows, and of the one that devices are told to trust ("" when
	// there is no own CA in use).
	Certificate string `json:"certificate"`
	CA          string `json:"ca,omitempty"`
	// RecoverableDays is how long removed people's mail can be brought back.
	RecoverableDays int `json:"recoverable_days,omitempty"`
	// Passkeys: somebody has one for the name by which this page was opened.
	Passkeys bool `json:"passkeys,omitempty"`
}

func (s *Server) status(w http.ResponseWriter, r *http.Request, _ caller) error {
	state, err := s.state(r.Context())
	if err != nil {
		return err
	}
	s.reply(w, r, http.StatusOK, status{
		SetUp: state.SetUp, SettingUp: s.settingUp.Load(), Version: s.opt.Version,
		Hostname: state.Hostname.String(), Domains: readable(state.Domains), Timezone: state.Timezone,
		URLs: s.urls(state), Certificate: fingerprint(s.opt.Certificates.Leaf()), CA: fingerprint(s.opt.Certificates.CA()),
		Passkeys:        s.opt.Passkeys != nil && s.opt.Passkeys.HasPasskeys(hostOf(r.Host)),
		RecoverableDays: int(s.opt.Recoverable / (24 * time.Hour)),
	})
	return nil
}

// urls are the addresses at which the box's pages open, the surest first.
func (s *Server) urls(state State) []string {
	urls := []string{}
	for _, addr := range s.opt.Machine.Addresses() {
		host := addr.WithZone("").String()
		if addr.Is6() {
			if addr.IsLinkLocalUnicast() {
				continue // browsers don't take the zone that it needs
			}
			host = "[" + host + "]"
		}
		urls = append(urls, "https://"+host)
	}
	if name := cmp.Or(state.Hostname.String(), firstName(s.opt.Names)); name != "" {
		urls = append(urls, "https://"+name)
	}
	return urls
}

func firstName(names []string) string {
	for _, n := range names {
		if _, err := netip.ParseAddr(n); err != nil && n != "localhost" {
			return n
		}
	}
	return ""
}

// fingerprint is the SHA-256 of a DER certificate as browsers show it; "" for
// none.
func fingerprint(der []byte) string {
	if len(der) == 0 {
		return ""
	}
	sum := sha256.Sum256(der)
	text := strings.ToUpper(hex.EncodeToString(sum[:]))
	var b strings.Builder
	for i := 0; i < len(text); i += 2 {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(text[i : i+2])
	}
	return b.String()
}

// readable is for people: domains as they write them.
func readable(domains []domain.Name) []string {
	names := make([]string, len(domains))
	for i, d := range domains {
		names[i] = d.Unicode()
	}
	return names
}
