package stomp

import (
	"strconv"
	"testing"

	"orderhub/hub/hubtest"
)

// Once the connection or the run is over, nothing is begun that was left on the wire: a later message would go before an earlier one.
func TestNothingIsTakenAfterTheEnd(t *testing.T) {
	over, on := make(chan struct{}), make(chan struct{})
	close(over)
	for name, r := range map[string]*run{"lost": {conn: &conn{gone: over, version: v12}, halt: on}, "stopped": {conn: &conn{gone: on, version: v12}, halt: over}} {
		var begun hubtest.Seen
		s := &Source{adapter: openAdapter(t, "stomp://nobody", nil).Adapter, cfg: *defaultSource()}
		s.cfg.Prefetch = 100
		halt := r.halt
		r = s.begin(t.Context(), &begun, r.conn)
		r.halt = halt
		for i := range 100 {
			r.take(newFrame(cmdMessage, headerID, strconv.Itoa(i), headerMessageID, "m", headerAck, "a"))
		}
		<-r.intake.Stop()
		if len(r.room) > 0 || len(begun.All()) > 0 {
			t.Errorf("%s: %d were taken", name, len(r.room))
		}
	}
}
