package trust

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// CertificateCheck is how old what is known of a certificate's files may be.
const CertificateCheck = time.Second

// Certificates give the certificate of two files as they are now, or were a moment ago.
type Certificates struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	loaded  time.Time // when that was tried last
}

// NewCertificates reads the files of a certificate chain and of its key (PEM).
func NewCertificates(cert, key string, log *slog.Logger) (*Certificates, error) {
	c := &Certificates{cert: cert, key: key, log: log}
	return c, c.load()
}

func (c *Certificates) load() error {
	c.loaded = time.Now()
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("tls: %s: %w", c.cert, err)
	}
	c.current = &pair
	return nil
}

// Get is the certificate for a handshake. Files that can't be read now leave the last good one in place.
func (c *Certificates) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if time.Since(c.loaded) >= CertificateCheck {
		if err := c.load(); err != nil {
			c.log.Warn("the certificate stays as it was", "error", err)
		}
	}
	return c.current, nil
}
