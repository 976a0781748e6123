package console

// samples are the states every picture is made of.
func samples() map[string]State {
	base := State{
		Product: "Sanduk", Version: "1.2.0", Host: "mail.example.test",
		Fingerprint: "7F:2A:09:C4:11:5B:EE:90:3D:77:A1:0C",
		Network:     []string{"eth0  1 Gbit/s, DHCP, 192.168.1.20"},
		Disk:        "1.8 TB, 3 % used, healthy",
		Keys:        []Key{KeyNetwork, KeyRestart, KeyPowerOff, KeyPrevious, KeySupport, KeyReset},
	}
	with := func(change func(*State)) State {
		s := base
		change(&s)
		return s
	}
	return map[string]State{
		"setup": with(func(s *State) {
			s.Health = SetUp
			s.Host = "mailbox.local"
			s.URLs = []string{"https://192.168.1.20", "https://mailbox.local"}
			s.Code = "olive-harbor-seven-42"
			s.QR = "https://192.168.1.20/#olive-harbor-seven-42"
		}),
		"running": with(func(s *State) {
			s.Health = Running
			s.URLs = []string{"https://192.168.1.20", "https://mailbox.local", "https://mail.example.test"}
			s.Mail = "132 in, 45 out today, none waiting"
			s.QR = "https://192.168.1.20/"
		}),
		"degraded": with(func(s *State) {
			s.Health = Degraded
			s.URLs = []string{"https://192.168.1.20", "https://mailbox.local"}
			s.Problems = []string{
				"The disk is 96 % full. Delete old mail or put in a larger disk before it is full.",
				"Mail could not be sent since 09:14: the provider's server refuses the password. → Open the page, Mail flow.",
			}
			s.Mail = "132 in, 0 out today, 17 waiting"
		}),
		"longname": with(func(s *State) {
			s.Health = Running
			s.Host = "mail.bookkeeping-and-payroll.branch-office-north.a-company-with-a-very-long-name.example.test"
			s.URLs = []string{"https://192.168.1.20", "https://" + s.Host}
			s.QR = "https://192.168.1.20/"
		}),
		"ipv6only": with(func(s *State) {
			s.Health = SetUp
			s.Host = "mailbox.local"
			s.URLs = []string{"https://[2001:db8:1234:5678:5054:ff:fe12:3456]", "https://mailbox.local"}
			s.Code = "olive-harbor-seven-42"
			s.QR = "https://[2001:db8:1234:5678:5054:ff:fe12:3456]/#olive-harbor-seven-42"
			s.Network = []string{"eth0  1 Gbit/s, IPv6, 2001:db8:1234:5678:5054:ff:fe12:3456"}
		}),
		"nocable": with(func(s *State) {
			s.Health = SetUp
			s.Host = "mailbox.local"
			s.Problems = []string{"No network cable is plugged in. Plug one into the box and into your switch or router."}
			s.Code = "olive-harbor-seven-42"
			s.Network = []string{"eth0  no cable", "eth1  no cable"}
		}),
		"recovery": with(func(s *State) {
			s.Health = Recovery
			s.Problems = []string{"The data disk could not be repaired. Nothing on it was changed. → Open the page to copy the mail off, or put in the spare disk."}
			s.URLs = []string{"https://192.168.1.20"}
			s.Disk = "1.8 TB, damaged"
		}),
		"starting": {Product: "Sanduk", Version: "1.2.0", Progress: "Checking the data disk: 41 %"},
		"prompt": with(func(s *State) {
			s.Health = Running
			s.URLs = []string{"https://192.168.1.20"}
			s.Prompt = "Press F3 again to switch the box off."
		}),
	}
}
