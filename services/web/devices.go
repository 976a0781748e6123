package web

import (
	"net/http"
	"net/netip"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Devices remember with what people have logged in. Nothing of it waits.
type Devices interface {
	// Devices are an account's, the one seen last first.
	Devices(id mail.AccountID) []device.Device
	// LastUse is when an app password was used last; false: not that anybody knows.
	LastUse(id mail.AccountID, program mail.ProgramNumber) (device.Use, bool)
	// SawToken notes that a token of the API is used, TokenUse says when that was last.
	SawToken(owner mail.AccountID, id string, peer netip.Addr)
	TokenUse(owner mail.AccountID, id string) (device.Use, bool)
	// Saw notes a log-in.
	Saw(l device.Login)
}

// getOwnDevices is GET /api/me/devices: with what one has logged in.
func (s *Server) getOwnDevices(w http.ResponseWriter, r *http.Request, who caller) error {
	return s.showDevices(w, r, who.Account)
}

// getDevices is GET /api/accounts/{address}/devices: with what somebody has.
func (s *Server) getDevices(w http.ResponseWriter, r *http.Request, who caller) error {
	account, err := s.reach(r.Context(), &who, r.PathValue("address"))
	if err != nil {
		return err
	}
	return s.showDevices(w, r, account.ID)
}

// deviceJSON is a device as the API shows it.
type deviceJSON struct {
	device.Device
	Name string `json:"app_password,omitempty"` // of the app password, while there is one
}

// devicesAnswer is what getOwnDevices and getDevices give.
type devicesAnswer struct {
	Devices []deviceJSON `json:"devices"`
}

func (s *Server) showDevices(w http.ResponseWriter, r *http.Request, id mail.AccountID) error {
	names := map[mail.ProgramNumber]string{}
	if s.opt.AppPasswords != nil {
		list, _, err := s.opt.AppPasswords.AppPasswords(id)
		if err != nil {
			return err
		}
		for _, p := range list {
			names[p.Number] = p.Name
		}
	}
	list := []deviceJSON{}
	for _, d := range s.opt.Devices.Devices(id) {
		list = append(list, deviceJSON{d, names[d.Program]})
	}
	s.reply(w, r, http.StatusOK, devicesAnswer{list})
	return nil
}
