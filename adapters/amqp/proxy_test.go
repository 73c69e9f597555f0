package amqp

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub/hubtest"
)

// proxy stands between the adapter and the real server, and counts the deliveries that are acknowledged.
type proxy struct {
	*hubtest.BrokerProxy
	url  string
	acks atomic.Int64
}

// addressOf is the host and the port of a URL.
func addressOf(t testing.TB, url string) string {
	t.Helper()
	uri, err := amqp.ParseURI(url)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%s:%d", uri.Host, uri.Port)
}

func newProxy(t testing.TB, url string) *proxy {
	t.Helper()
	server, p := addressOf(t, url), &proxy{}
	p.BrokerProxy = hubtest.NewBrokerProxy(t, server, p.countAcks)
	p.url = strings.Replace(url, server, p.Address, 1)
	return p
}

// countAcks reads the frames that go to the server.
func (p *proxy) countAcks(r io.Reader) {
	io.CopyN(io.Discard, r, 8) // AMQP0091
	known := map[uint64]bool{} // channel and tag of what is settled
	for {
		kind, channel, body, err := nextFrame(r)
		if err != nil {
			return
		}
		if kind != frameMethod {
			continue
		}
		switch binary.BigEndian.Uint32(body) {
		case 60<<16 | 120: // basic.nack
			known[channel|binary.BigEndian.Uint64(body[4:])] = true
		case 60<<16 | 80: // basic.ack
			last := binary.BigEndian.Uint64(body[4:])
			for tag := last; tag > 0 && (tag == last || body[12]&1 != 0); tag-- {
				if !known[channel|tag] {
					known[channel|tag] = true
					p.acks.Add(1)
				}
			}
		}
	}
}

// nextFrame reads a frame. The channel is shifted, so that a tag fits behind it.
func nextFrame(r io.Reader) (kind byte, channel uint64, body []byte, err error) {
	var h [frameHead]byte
	if _, err = io.ReadFull(r, h[:]); err != nil {
		return 0, 0, nil, err
	}
	body = make([]byte, binary.BigEndian.Uint32(h[3:])+1)
	_, err = io.ReadFull(r, body)
	return h[0], uint64(binary.BigEndian.Uint16(h[1:])) << 48, body, err
}
