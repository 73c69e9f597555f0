package kafka

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"

	"github.com/segmentio/kafka-go/sasl"
	"github.com/segmentio/kafka-go/sasl/plain"
	"github.com/segmentio/kafka-go/sasl/scram"

	"orderhub/hub"
)

const (
	mechanismPlain  = "plain"
	mechanismSHA256 = "scram-sha-256"
	mechanismSHA512 = "scram-sha-512"
)

var mechanisms = []string{mechanismSHA512, mechanismSHA256, mechanismPlain}

func (t TLS) on() bool { return t != TLS{} }

// config is nil when connections are not encrypted.
func (t TLS) config(env *hub.Env) (*tls.Config, error) {
	if !t.on() {
		return nil, nil
	}
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: t.ServerName}
	if t.CA != "" {
		pem, err := os.ReadFile(env.Path(t.CA))
		if err != nil {
			return nil, fmt.Errorf("ca: %w", err)
		}
		c.RootCAs = x509.NewCertPool()
		if !c.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("ca: %s holds no certificate", t.CA)
		}
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(env.Path(t.Cert), env.Path(t.Key))
		if err != nil {
			return nil, fmt.Errorf("cert: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// mechanism is nil when there is no authentication.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	switch s.Mechanism {
	case "":
		return nil, nil
	case mechanismPlain:
		return plain.Mechanism{Username: s.User, Password: s.Password.Reveal()}, nil
	case mechanismSHA256:
		return scram.Mechanism(scram.SHA256, s.User, s.Password.Reveal())
	case mechanismSHA512:
		return scram.Mechanism(scram.SHA512, s.User, s.Password.Reveal())
	}
	return nil, fmt.Errorf("mechanism %q is not known", s.Mechanism)
}
