package setup

func (o *object) outbound(name string) Outbound {
	path, n, found := o.get(name)
	if !found {
		return Outbound{Mode: OutboundDirect}
	}
	in := o.r.object(path, n)
	in.require("mode", `"direct", "smarthost" or "none"`)
	out := Outbound{Mode: choice(in, "mode", OutboundDirect, OutboundDirect, OutboundSmartHost, OutboundNone)}
	if out.Mode != OutboundSmartHost {
		in.forbid(`This has no meaning here: remove it, or set mode to "smarthost"`, "host", "port", "tls", "user", "password")
		in.done()
		return out
	}
	in.require("host", "the provider's server for outgoing mail, such as smtp.example.com")
	out.Host = in.host("host")
	out.TLS = choice(in, "tls", TLSStartTLS, TLSStartTLS, TLSImplicit, TLSNone)
	out.Port = in.port("port", map[TLSMode]uint16{TLSStartTLS: 587, TLSImplicit: 465, TLSNone: 25}[out.TLS])
	_, out.User = in.text("user")
	_, out.Password = in.text("password")
	if out.User != "" && out.Password == "" {
		in.r.fail(join(path, "password"), "This field is missing: the password that goes with the user")
	}
	if out.User == "" && out.Password != "" {
		in.r.fail(join(path, "user"), "This field is missing: the user that goes with the password")
	}
	in.done()
	return out
}
