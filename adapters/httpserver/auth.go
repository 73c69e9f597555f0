package httpserver

import (
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Basic is a name and a password (RFC 7617).
type Basic struct {
	User     string       `yaml:"user" required:"true" doc:"Name that the sender gives."`
	Password []hub.Secret `yaml:"password" min:"1" doc:"Its password, or two of them while it changes."`
}

// APIKey is a secret in a header or in the query.
type APIKey struct {
	Header string       `yaml:"header" doc:"Header that holds the key, as X-Api-Key."`
	Query  string       `yaml:"query" doc:"Field of the query that holds the key, where there is no header. Addresses are written into logs by many: prefer a header."`
	Key    []hub.Secret `yaml:"key" min:"1" doc:"The key, or two of them while it changes."`
}

func (v *verifier) addBasic(b *Basic) error {
	if len(b.Password) == 0 {
		return errors.New("basic: the password is missing")
	}
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, _ []byte, _ time.Time) (string, *problem) {
			user, password, ok := r.BasicAuth()
			switch {
			case !ok || len(r.Header["Authorization"]) != 1:
				return "", unproven("basic_missing", "the request has no Authorization: Basic name and password")
			case !same(user, hub.Secret(b.User)) || !same(password, b.Password...):
				return "", unproven("basic_invalid", "the name or the password is wrong")
			}
			return "", nil
		},
		describe: func(add func(string, object)) { add("basic", object{"type": "http", "scheme": "basic"}) },
	})
	return nil
}

func (v *verifier) addAPIKey(k *APIKey) error {
	switch {
	case (k.Header == "") == (k.Query == ""):
		return errors.New("api_key: give one of header and query")
	case len(k.Key) == 0:
		return errors.New("api_key: the key is missing")
	}
	in, name := "header", k.Header
	if name == "" {
		in, name = "query", k.Query
	}
	v.secret = append(v.secret, in+"."+name)
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, _ []byte, _ time.Time) (string, *problem) {
			values := r.Header.Values(name)
			if in == "query" {
				values = r.URL.Query()[name]
			}
			switch {
			case len(values) != 1 || values[0] == "":
				return "", unproven("api_key_missing", "the request has no %s %s, or two of them", in, name)
			case !same(values[0], k.Key...):
				return "", unproven("api_key_invalid", "the key is wrong")
			}
			return "", nil
		},
		describe: func(add func(string, object)) {
			add("api-key."+name, object{"type": "apiKey", "in": in, "name": name})
		},
	})
	return nil
}

// addMachines lets in machines by their certificates and addresses, beside what else is wanted.
func (v *verifier) addMachines(o *Verify, s *Server) error {
	if len(o.Client) > 0 {
		v.proofs = append(v.proofs, proof{
			check: func(r *http.Request, _ []byte, _ time.Time) (string, *problem) { return "", checkClient(r, o.Client) },
			describe: func(add func(string, object)) {
				add("client-certificate", object{"type": "mutualTLS", "description": "A certificate of " + strings.Join(o.Client, " or ") + "."})
			},
		})
	}
	if len(o.From) == 0 {
		return nil
	}
	nets, err := trust.Networks(o.From)
	if err != nil {
		return fmt.Errorf("from: %w", err)
	}
	v.proofs = append(v.proofs, proof{
		check: func(r *http.Request, _ []byte, _ time.Time) (string, *problem) {
			if from := s.remoteAddr(r); !trust.Contain(nets, from) {
				return "", unproven("address_not_listed", "%s is in no list of this route", from)
			}
			return "", nil
		},
		describe: func(func(string, object)) {},
	})
	return nil
}

// checkClient lets in who has a certificate with one of the names; the handshake has proven that it is the sender's.
func checkClient(r *http.Request, names []string) *problem {
	if r.TLS == nil || len(r.TLS.VerifiedChains) == 0 {
		return unproven("certificate_missing", "the client has shown no certificate of client_ca")
	}
	cert := r.TLS.VerifiedChains[0][0]
	for _, name := range namesOf(cert) {
		if slices.ContainsFunc(names, func(want string) bool { return want == "*" || strings.EqualFold(want, name) }) {
			return nil
		}
	}
	return unproven("certificate_not_listed", "a certificate of %s is in no list of this route", strings.Join(namesOf(cert), ", "))
}

// namesOf are all names of a certificate.
func namesOf(cert *x509.Certificate) []string {
	names := append([]string{cert.Subject.CommonName}, cert.DNSNames...)
	names = append(names, cert.EmailAddresses...)
	for _, u := range cert.URIs {
		names = append(names, u.String())
	}
	return names
}

// remoteAddr is the address that a request came from. What proxies of ours say is believed, and nobody else.
func (s *Server) remoteAddr(r *http.Request) netip.Addr {
	ap, _ := netip.ParseAddrPort(r.RemoteAddr)
	addr := ap.Addr().Unmap().WithZone("")
	hops := strings.Split(strings.Join(r.Header["X-Forwarded-For"], ","), ",")
	for i := len(hops) - 1; i >= 0 && trust.Contain(s.proxies, addr); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap().WithZone("")
	}
	return addr
}
