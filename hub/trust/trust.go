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
	"time"

	"orderhub/hub"
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
	if t.CA != "" {
		cfg.RootCAs = x509.NewCertPool()
		if err := Add(cfg.RootCAs, env, t.CA); err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
	}
	Watch(env, cfg)
	if t.Cert == "" {
		return cfg, nil
	}
	load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(env.Path(t.Cert), env.Path(t.Key))
		return &pair, err
	}
	if _, err := load(nil); err != nil {
		return nil, fmt.Errorf("cert: %w", err)
	}
	cfg.GetClientCertificate = load
	Ours(env, t.Cert)
	return cfg, nil
}

// Add adds the authorities of a file to those of the pool.
func Add(pool *x509.CertPool, env *hub.Env, file string) error {
	text, err := env.ReadFile(file)
	if err == nil && !pool.AppendCertsFromPEM(text) {
		err = fmt.Errorf("%s holds no certificate (PEM)", file)
	}
	return err
}

// Ours makes env learn when our certificate of a file ends, and of the chain in it what ends first. The file is read whenever somebody asks.
func Ours(env *hub.Env, file string) {
	env.Ends.Learn(file, func() (int64, error) {
		text, err := os.ReadFile(env.Path(file))
		if err != nil {
			return 0, err
		}
		var chain []*x509.Certificate
		for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
			if c, err := x509.ParseCertificate(block.Bytes); err == nil {
				chain = append(chain, c)
			}
		}
		if len(chain) == 0 {
			return 0, fmt.Errorf("%s holds no certificate (PEM)", file)
		}
		return firstEnd(chain), nil
	})
}

// Watch makes env learn when the certificates end that far ends show to who connects by cfg: of each, by the name that it is asked for by, that
// of the last connection. Who inspects the far end (Env.Met) is told, too.
func Watch(env *hub.Env, cfg *tls.Config) {
	cfg.VerifyConnection = func(s tls.ConnectionState) error {
		end := s.PeerCertificates[0].NotAfter.Unix() // where no chain is verified
		if len(s.VerifiedChains) > 0 {               // the one that is good for longest
			end = firstEnd(slices.MaxFunc(s.VerifiedChains, func(a, b []*x509.Certificate) int { return cmp.Compare(firstEnd(a), firstEnd(b)) }))
		}
		if env.Met != nil {
			env.Met(hub.Peer{Ends: time.Unix(end, 0)})
		}
		env.Ends.Learn(cmp.Or(s.ServerName, cfg.ServerName, "far end"), func() (int64, error) { return end, nil })
		return nil
	}
}

// firstEnd is when the first certificate of a chain ends, in Unix time.
func firstEnd(chain []*x509.Certificate) int64 {
	return slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) }).NotAfter.Unix()
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
