package httpserver

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"
)

const certificateCheck = time.Second

// certificates gives the certificate of two files, read again when one changes.
type certificates struct {
	cert, key string
	log       *slog.Logger

	mu      sync.Mutex
	current *tls.Certificate
	seen    [2]time.Time // when the files were changed
	checked time.Time
}

func newCertificates(cert, key string, log *slog.Logger) (*certificates, error) {
	c := &certificates{cert: cert, key: key, log: log}
	return c, c.load()
}

func (c *certificates) load() error {
	var seen [2]time.Time
	for i, file := range []string{c.cert, c.key} {
		info, err := os.Stat(file)
		if err != nil {
			return fmt.Errorf("tls: %w", err)
		}
		seen[i] = info.ModTime()
	}
	if c.current != nil && seen == c.seen {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(c.cert, c.key)
	if err != nil {
		return fmt.Errorf("tls: %s: %w", c.cert, err)
	}
	c.current, c.seen = &pair, seen
	return nil
}

// get is the certificate for a handshake. Files that can't be read now leave the last good one in place.
func (c *certificates) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if now := time.Now(); now.Sub(c.checked) >= certificateCheck {
		c.checked = now
		if err := c.load(); err != nil {
			c.log.Warn("the certificate stays as it was", "error", err)
		}
	}
	return c.current, nil
}
