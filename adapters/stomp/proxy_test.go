package stomp

import (
	"io"
	"strings"
	"sync/atomic"
	"testing"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

// proxy stands between the adapter and the real server, and counts what is settled.
type proxy struct {
	*hubtest.BrokerProxy
	url  string
	acks atomic.Int64 // ACK frames that went to the server
	naks atomic.Int64 // NACK frames
}

func newProxy(t testing.TB, url string) *proxy {
	t.Helper()
	to, err := parseURL(hub.Secret(url))
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{}
	p.BrokerProxy = hubtest.NewBrokerProxy(t, to.address, p.countAcks)
	p.url = strings.Replace(url, to.address, p.Address, 1)
	return p
}

// countAcks reads the frames that go to the server.
func (p *proxy) countAcks(r io.Reader) {
	in := newScanner(r, 1<<30)
	in.version = v12
	for {
		f, err := in.next()
		if err != nil {
			return
		}
		switch f.command {
		case cmdAck:
			p.acks.Add(1)
		case cmdNack:
			p.naks.Add(1)
		}
	}
}
