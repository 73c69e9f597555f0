package figures

import (
	"errors"
	"sync"
)

// Ends are when certificates end, as the connections of an adapter learn it. A nil Ends learns nothing.
type Ends struct {
	mu sync.Mutex
	of map[string]func() (unix int64, err error) // by certificate
}

// Learn takes what finds out when a certificate ends, in place of what was learned of it before.
func (e *Ends) Learn(certificate string, end func() (unix int64, err error)) {
	if e == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.of == nil {
		e.of = map[string]func() (int64, error){}
	}
	e.of[certificate] = end
}

// Tell puts the ends of the adapter's certificates; err says which can't be found out.
func (e *Ends) Tell(to *Set, adapter string) (err error) {
	if e == nil {
		return nil
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for certificate, end := range e.of {
		unix, bad := end()
		if err = errors.Join(err, bad); bad == nil {
			to.Put(Expiry, unix, adapter, certificate)
		}
	}
	return err
}
