package supervise

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
)

// LoadUnits reads every *.service and *.socket at the top of fsys, and checks
// them against each other: After= and Service= name existing services, After=
// has no circle, no two sockets of a service share a name, no two sockets
// share an address. All mistakes are reported at once, each as a *UnitError.
//
// The image build calls it too, so that a mistake never reaches a box.
func LoadUnits(fsys fs.FS) (Units, error) {
	entries, err := fs.ReadDir(fsys, ".")
	if err != nil {
		return Units{}, fmt.Errorf("units: read directory: %w", err)
	}
	var u Units
	var errs []error
	for _, e := range entries { // sorted by name
		name := UnitName(e.Name())
		switch path.Ext(e.Name()) {
		case ".service":
			s, err := parseFile(fsys, name, parseService)
			errs = append(errs, err)
			u.Services = append(u.Services, s)
		case ".socket":
			s, err := parseFile(fsys, name, parseSocket)
			errs = append(errs, err)
			u.Sockets = append(u.Sockets, s)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return Units{}, err
	}
	if len(u.Services) == 0 {
		return Units{}, errors.New("units: there is no *.service file")
	}
	errs = append(errs, u.checkSockets(), u.checkBorrowed(), u.sortServices())
	if err := errors.Join(errs...); err != nil {
		return Units{}, err
	}
	return u, nil
}

func parseFile[T any](fsys fs.FS, name UnitName, parse func(UnitName, io.Reader) (T, error)) (T, error) {
	f, err := fsys.Open(string(name))
	if err != nil {
		var zero T
		return zero, &UnitError{File: name, Err: err}
	}
	defer func() { _ = f.Close() }() // only read from
	return parse(name, f)
}

func (u Units) service(name UnitName) *Service {
	i := slices.IndexFunc(u.Services, func(s Service) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &u.Services[i]
}

// SocketsOf returns the sockets handed to a service, sorted by unit name.
func (u Units) SocketsOf(name UnitName) []Socket {
	var list []Socket
	for _, s := range u.Sockets {
		if s.Service == name {
			list = append(list, s)
		}
	}
	return list
}

func (u Units) checkSockets() error {
	var errs []error
	byAddress := map[string]UnitName{}
	byName := map[string]UnitName{}
	for _, s := range u.Sockets {
		if u.service(s.Service) == nil {
			errs = append(errs, &UnitError{File: s.Name, Section: "Socket", Directive: "Service",
				Err: fmt.Errorf("there is no %s", s.Service)})
		}
		if other, taken := byAddress[s.Address]; taken {
			errs = append(errs, &UnitError{File: s.Name, Section: "Socket", Directive: "ListenStream",
				Err: fmt.Errorf("%s is taken by %s", s.Address, other)})
		}
		byAddress[s.Address] = s.Name
		key := string(s.Service) + "\x00" + s.FDName
		if other, taken := byName[key]; taken {
			errs = append(errs, &UnitError{File: s.Name, Section: "Socket", Directive: "FileDescriptorName",
				Err: fmt.Errorf("%s is taken by %s", s.FDName, other)})
		}
		byName[key] = s.Name
	}
	return errors.Join(errs...)
}

// sortServices brings Services into an order in which After= always points
// back, or fails.
func (u *Units) sortServices() error {
	var sorted []Service
	placed := map[UnitName]bool{}
	for _, s := range u.Services {
		for _, name := range s.After {
			if u.service(name) == nil {
				return &UnitError{File: s.Name, Section: "Unit", Directive: "After", Err: fmt.Errorf("there is no %s", name)}
			}
		}
	}
	for len(sorted) < len(u.Services) {
		before := len(sorted)
		for _, s := range u.Services {
			if !placed[s.Name] && !slices.ContainsFunc(s.After, func(n UnitName) bool { return !placed[n] }) {
				sorted = append(sorted, s)
				placed[s.Name] = true
			}
		}
		if len(sorted) == before {
			return errors.New("units: After= forms a circle")
		}
	}
	u.Services = sorted
	return nil
}
