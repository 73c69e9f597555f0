// Package trust says whom the hub believes at the other end of a connection: by certificates in files, and by networks.
package trust

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"orderhub/hub"
	"orderhub/hub/figures"
)

// TLS are certificates.
type TLS struct {
	CA         string `yaml:"ca" doc:"File of the authorities (PEM) that the server's certificate may be signed by. Left out: the system's."`
	Cert       string `yaml:"cert" doc:"File of our certificate (PEM), with the chain, where the server wants one. It is read again at each connection, so that it can be renewed."`
	Key        string `yaml:"key" doc:"File of its key (PEM)."`
	ServerName string `yaml:"server_name" doc:"Name that the server's certificate must have. Left out: the host that is connected to."`
}

// Faults are what the tags can't find.
func (t TLS) Faults() []hub.FieldFault {
	if (t.Cert == "") == (t.Key == "") {
		return nil
	}
	return []hub.FieldFault{{Path: "tls", Message: "tls: one of cert and key is missing", Help: "write cert: and key:, or neither"}}
}

// Load reads the certificates. host is the name that the server's certificate must have where ServerName is left out; "": that of the address.
func (t TLS) Load(env *hub.Env, host string) (*tls.Config, error) {
	cfg := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: cmp.Or(t.ServerName, host)}
	Tell(cfg, env)
	if t.CA != "" {
		cfg.RootCAs = x509.NewCertPool()
		if err := Add(cfg.RootCAs, env, t.CA); err != nil {
			return nil, fmt.Errorf("tls.ca: %w", err)
		}
	}
	if t.Cert == "" {
		return cfg, nil
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(env.Path(t.Cert), env.Path(t.Key))
		return &pair, err
	}
	if _, err := load(nil); err != nil {
		return nil, fmt.Errorf("tls.cert: %w", err)
	}
	cfg.GetClientCertificate = load
	return cfg, nil
}

// Tell makes connections with cfg tell env when the far end's certificate ends.
func Tell(cfg *tls.Config, env *hub.Env) {
	if env.Met == nil {
		return
	}
	cfg.VerifyConnection = func(state tls.ConnectionState) error {
		first := slices.MinFunc(state.PeerCertificates, func(x, y *x509.Certificate) int { return x.NotAfter.Compare(y.NotAfter) })
		env.Met(hub.Peer{Ends: first.NotAfter})
		return nil
	}
}

// Add adds the authorities of a file to those of the pool.
func Add(pool *x509.CertPool, env *hub.Env, file string) error {
	text, err := env.ReadFile(file)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate (PEM)", file)
	}
	return err
}

// Expiry tells when our certificate of a file ends, and says of the chain in it what ends first. File "" tells nothing.
func Expiry(to *figures.Set, env *hub.Env, file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(env.Path(file))
	if err != nil {
		return err
	}
	var ends []int64
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if c, err := x509.ParseCertificate(block.Bytes); err == nil {
			ends = append(ends, c.NotAfter.Unix())
		}
	}
	if len(ends) == 0 {
		return fmt.Errorf("%s holds no certificate (PEM)", file)
	}
	to.Put(figures.Expiry, slices.Min(ends), env.Name, file)
	return nil
}

// Networks reads addresses and networks: 192.0.2.7, 10.0.0.0/8.
func Networks(texts []string) (out []netip.Prefix, err error) {
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			addr, err := netip.ParseAddr(text)
			if err != nil {
				return nil, fmt.Errorf("%q is neither an address (192.0.2.7) nor a network (10.0.0.0/8)", text)
			}
			p = netip.PrefixFrom(addr, addr.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// Local tells whether a host, a name or an address, is this machine itself.
func Local(host string) bool {
	a, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && a.Unmap().IsLoopback()
}

// Contain tells whether an address is in one of the networks.
func Contain(nets []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(nets, func(p netip.Prefix) bool { return p.Contains(a) })
}
