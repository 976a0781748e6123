package supervise

import (
	"errors"
	"fmt"
	"slices"
)

// Ordinary are the units of a box that can use its disk.
func (u Units) Ordinary() Units {
	return Units{
		Services: slices.DeleteFunc(slices.Clone(u.Services), func(s Service) bool { return s.RescueOnly }),
		Sockets:  u.Sockets,
	}
}

// Rescue are the units of a box that can't: its services, and the sockets that they have
// for themselves or borrow, which are then theirs.
func (u Units) Rescue() Units {
	var r Units
	for _, s := range u.Services {
		if !s.Rescue {
			continue
		}
		s.After = slices.DeleteFunc(slices.Clone(s.After), func(n UnitName) bool { return !u.service(n).Rescue })
		r.Services = append(r.Services, s)
		r.Sockets = append(r.Sockets, u.SocketsOf(s.Name)...)
		for _, socket := range u.Sockets {
			if slices.Contains(s.Borrows, socket.Name) {
				socket.Service = s.Name
				r.Sockets = append(r.Sockets, socket)
			}
		}
	}
	return r
}

// checkBorrowed: a socket can be borrowed from a service that doesn't run in a rescue, by
// one that runs only then. Two that accept from one socket would take turns.
func (u Units) checkBorrowed() error {
	var errs []error
	lent := map[UnitName]UnitName{}
	for _, s := range u.Services {
		for _, name := range s.Borrows {
			i := slices.IndexFunc(u.Sockets, func(socket Socket) bool { return socket.Name == name })
			var err error
			switch {
			case i < 0:
				err = fmt.Errorf("there is no %s", name)
			case !s.RescueOnly:
				err = errors.New("only for a service that is WantedBy=rescue.target alone")
			case u.service(u.Sockets[i].Service) == nil || u.service(u.Sockets[i].Service).Rescue:
				err = fmt.Errorf("%s is needed by %s at the same time", name, u.Sockets[i].Service)
			case lent[name] != "":
				err = fmt.Errorf("%s is borrowed by %s", name, lent[name])
			}
			if err != nil {
				errs = append(errs, &UnitError{File: s.Name, Section: "Service", Directive: "Sockets", Err: err})
			}
			lent[name] = s.Name
		}
	}
	return errors.Join(errs...)
}
