package system

import (
	"math/rand"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

// TestProcessesOnTwoHubs: two hubs share a PostgreSQL store and the processes
// in it, and are killed in turns: what one began the other ends, and every effect happens once.
func TestProcessesOnTwoHubs(t *testing.T) {
	orders, kills := times("HUB_TEST_HUB_PROCESSES", 300), times("HUB_TEST_HUB_KILLS", 4)
	dsn, _ := needPostgres(t)
	first := flowSite(t, flow)
	if err := first.world.Fault(stub.Fault{Service: "billing", Op: "charge", Status: 503, Times: orders / 10, After: true}); err != nil {
		t.Fatal(err)
	}
	second := *first // the same partners and configuration, in a place of its own
	second.dir, second.addr, second.process = t.TempDir(), hubtest.FreePort(t), nil
	hubs := [2]*site{first, &second}
	for _, s := range hubs {
		s.env = append(append([]string{}, first.env...), "HUB_STORE="+dsn, "HUB_HOME="+s.dir, "HUB_LISTEN="+s.addr, "HUB_INSTANCE="+s.addr)
		s.start()
	}
	t.Cleanup(func() {
		if second.process != nil {
			second.kill()
		}
	})
	wants := make([]string, orders)
	for i := range wants {
		wants[i] = []string{"shipped", "shipped", "declined", "out", "cancel"}[rand.Intn(5)]
	}
	var began atomic.Int64
	var load sync.WaitGroup
	for w := range 8 {
		load.Go(func() {
			for i := w; i < orders; i += 8 {
				began.Add(1)
				hubs[i%2].order(i, wants[i])
			}
		})
	}
	done := 0
	for ; done < kills || began.Load() < int64(orders); done++ {
		time.Sleep(500*time.Millisecond + time.Duration(rand.Int63n(int64(time.Second))))
		s := hubs[done%2]
		s.kill()
		s.start()
	}
	load.Wait()
	t.Logf("%d orders, %d kills", orders, done)
	first.judgeFlow(wants)
}
