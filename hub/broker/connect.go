// Package broker has what the adapters of message brokers share: how they connect and stay connected (Connection, Connect, Keeper), what they
// do with the messages that a broker hands over (Intake, Lanes), and how requests and replies find each other (Requests, Asking, Reply).
package broker

import (
	"cmp"
	"context"
	"crypto/tls"
	"net"
	"time"

	"orderhub/hub"
	"orderhub/hub/trust"
)

// Connection is the part of an adapter's configuration that brokers have in common which wait for the acknowledgement of each message.
type Connection struct {
	Prefetch        int           `yaml:"prefetch" default:"256" min:"1" max:"65535" doc:"Messages of a source that the server hands over before the first is acknowledged."`
	Heartbeat       time.Duration `yaml:"heartbeat" default:"10s" min:"1s" max:"10m" doc:"How often both sides say that they are there. A server that is silent for one and a half of it is lost."`
	TLS             trust.TLS     `yaml:"tls" doc:"Certificates, for a url that asks for TLS."`
	Reconnect       Reconnect     `yaml:"reconnect" doc:"Pauses between tries to connect. There is no end to them."`
	ConfirmTimeout  time.Duration `yaml:"confirm_timeout" default:"30s" min:"100ms" max:"10m" doc:"How long a send waits for the server's confirmation."`
	ConsumerTimeout time.Duration `yaml:"consumer_timeout" default:"30m" min:"1s" max:"24h" doc:"That of the server: it takes a delivery that is not acknowledged so long for lost, and closes its channel. What has not begun after a third of it goes back to the queue; a run that takes half of it is ended, and tried again from the hub's store."`
	MaxBody         int64         `yaml:"max_body" unit:"bytes" default:"16MiB" min:"1KiB" max:"128MiB" doc:"Largest body, in and out; a larger one is refused as body_too_large."`
}

// Hold is how long a delivery stays ours before its run begins, and how long one with a key is tried again while it, and those behind it,
// stay ours: with the longest run behind it, well below the time after which the server takes it for lost.
func (c *Connection) Hold() time.Duration { return c.ConsumerTimeout / 3 }

// Longest is how long a run may take. One that is ended by it is the hub's to try again, from its store.
func (c *Connection) Longest() time.Duration { return c.ConsumerTimeout / 2 }

// Faults are what the tags can't find. secure tells that the url begins with scheme, which asks for TLS.
func (c *Connection) Faults(secure bool, scheme string) (faults hub.FieldFaults) {
	if !secure && c.TLS != (trust.TLS{}) {
		faults.Add("tls", "write "+scheme+" in the url, or leave tls out", "tls is set, but the url does not begin with %s", scheme)
	}
	faults = append(faults, c.TLS.Faults()...)
	if c.Reconnect.Max < c.Reconnect.Min {
		faults.Add("reconnect.max", "write a time of at least reconnect.min", "reconnect.max is shorter than reconnect.min")
	}
	return faults
}

// Reconnect bounds the pauses, which double each time and are random in their upper half.
type Reconnect struct {
	Min time.Duration `yaml:"min" default:"200ms" min:"10ms" max:"1m" doc:"The first pause."`
	Max time.Duration `yaml:"max" default:"2s" min:"10ms" max:"10m" doc:"The longest pause."`
}

// Retry is the policy of the pauses.
func (r Reconnect) Retry() hub.Retry { return hub.Retry{Min: r.Min, Max: r.Max} }

// handshake bounds the opening of a connection.
const handshake = 15 * time.Second

// Connect opens a connection to address and logs in on it; by TLS where secure is not nil. Login closes what it makes when it fails.
func Connect[T any](ctx context.Context, env *hub.Env, address string, secure *trust.TLS, login func(net.Conn) (T, error)) (out T, err error) {
	ctx, cancel := context.WithTimeout(ctx, handshake)
	defer cancel()
	raw, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return out, err
	}
	stop := context.AfterFunc(ctx, func() { raw.Close() })
	defer stop()
	conn := raw
	if secure != nil {
		conn, err = encrypt(ctx, secure, env, raw, address)
	}
	if err == nil {
		out, err = login(conn)
	}
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err == nil {
		return out, nil
	}
	raw.Close()
	return out, cmp.Or(ctx.Err(), err)
}

func encrypt(ctx context.Context, t *trust.TLS, env *hub.Env, raw net.Conn, address string) (net.Conn, error) {
	host, _, _ := net.SplitHostPort(address)
	cfg, err := t.Load(env, host)
	if err != nil {
		return nil, err
	}
	conn := tls.Client(raw, cfg)
	return conn, conn.HandshakeContext(ctx)
}
