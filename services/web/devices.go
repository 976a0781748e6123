package web

import (
	"net/http"

	"github.com/sanduk-mail/sanduk/services/device"
	"github.com/sanduk-mail/sanduk/services/mail"
)

// Devices remember with what people have logged in. Nothing of it waits.
type Devices interface {
	// Devices are an account's, the one seen last first.
	Devices(id mail.AccountID) []device.Device
	// LastUse is when an app password was used last; false: not that anybody knows.
	LastUse(id mail.AccountID, program mail.ProgramNumber) (device.Use, bool)
	// Saw notes a log-in.
	Saw(l device.Login)
}

// devices are the paths of this file.
func (s *Server) devices(mux *http.ServeMux) {
	if s.opt.Devices == nil {
		return
	}
	mux.HandleFunc("GET /api/me/devices", s.handle(s.getOwnDevices))
	mux.HandleFunc("GET /api/accounts/{address}/devices", s.admin(s.getDevices))
}

// getOwnDevices is GET /api/me/devices: with what one has logged in.
func (s *Server) getOwnDevices(w http.ResponseWriter, r *http.Request) error {
	who, err := s.login(r)
	if err != nil {
		return err
	}
	return s.showDevices(w, r, who.Account)
}

// getDevices is GET /api/accounts/{address}/devices: with what somebody has.
func (s *Server) getDevices(w http.ResponseWriter, r *http.Request, _ mail.Login) error {
	account, _, err := s.find(r.Context(), r.PathValue("address"))
	if err != nil {
		return err
	}
	return s.showDevices(w, r, account.ID)
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
	type shown struct {
		device.Device
		Name string `json:"app_password,omitempty"` // of the app password, while there is one
	}
	list := []shown{}
	for _, d := range s.opt.Devices.Devices(id) {
		list = append(list, shown{d, names[d.Program]})
	}
	s.reply(w, r, http.StatusOK, map[string]any{"devices": list})
	return nil
}
