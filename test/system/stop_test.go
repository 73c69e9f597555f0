package system

import (
	"net"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// TestStopWithSilentClients: a connection that never said a word keeps nobody from stopping.
func TestStopWithSilentClients(t *testing.T) {
	t.Parallel()
	s := running(t)
	for range 3 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	s.do("GET", "/livez", "") // the connections before it are accepted
	stood := hubtest.Standstill(t)
	if took, err := s.stop(); err != nil || took > 4*time.Second+stood() {
		t.Errorf("SIGTERM: exit %v after %v\n%s", err, took, s.tail())
	}
}
