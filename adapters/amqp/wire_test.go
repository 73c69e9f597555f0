package amqp

import (
	"errors"
	"net"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// alerting is a connection that the server has ended with a reason: what is written fails, and the reason is there to be read.
type alerting struct {
	net.Conn
	read chan struct{} // it may be read
}

var errAlert = errors.New("remote error: tls: certificate required")

func (a *alerting) Read([]byte) (int, error) {
	<-a.read
	return 0, errAlert
}

func (*alerting) Write([]byte) (int, error) {
	return 0, &net.OpError{Op: "write", Net: "tcp", Err: syscall.EPIPE}
}

func (*alerting) Close() error                     { return nil }
func (*alerting) SetReadDeadline(time.Time) error  { return nil }
func (*alerting) SetWriteDeadline(time.Time) error { return nil }

// Whatever comes first, the library's end of the connection, a write that fails or what the server said: that is the reason.
func TestWhyTheServerEndedIt(t *testing.T) {
	for _, first := range []string{"read", "write"} {
		t.Run(first, func(t *testing.T) {
			conn := &alerting{read: make(chan struct{})}
			w := newWire(conn, 1<<20)
			read := make(chan error, 1)
			go func() { _, err := w.Read(make([]byte, 8)); read <- err }()
			if first == "read" {
				close(conn.read)
				<-read
				w.Close() // as the library does
			} else {
				if _, err := w.Write([]byte("AMQP")); err != nil { // it is written soon
					t.Fatal(err)
				}
				for err := error(nil); err == nil; {
					_, err = w.Write([]byte("AMQP"))
				}
				close(conn.read)
				<-w.done
			}
			_, err := w.Write([]byte("AMQP"))
			for _, err := range []error{err, amqp.ErrClosed} {
				if got := w.explain(err); !errors.Is(got, errAlert) {
					t.Errorf("%v comes from %v, want %v", err, got, errAlert)
				}
			}
			if other := errors.New("no access"); w.explain(other) != other {
				t.Error("what the library tells is not told")
			}
			w.Close()
		})
	}
}
