package office

import "crypto/tls"

// askingTLS is the TLS of mailboxes and submission: as everywhere, and as long as
// anybody has a certificate to log in by, clients are asked for theirs. None has to
// show one. Where nobody has any, none is asked: some programs then bother people with
// a choice of certificates. The pages never ask, browsers do just that; nor does port
// 25, where other servers come. A client that resumes a TLS session from before is not
// asked until it shakes hands anew.
func (o *Office) askingTLS() *tls.Config {
	asking := o.certs.TLSConfig()
	asking.ClientAuth = tls.RequestClientCert // whose it is, package auth says
	config := o.certs.TLSConfig()
	config.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		if o.directory.HasCertificates() {
			return asking, nil
		}
		return nil, nil
	}
	return config
}
