package examples

import (
	"fmt"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// TestScale: a second worker of the same name gets a share of the jobs, and all of them when the first one is killed. None is lost, and
// none counts twice.
func TestScale(t *testing.T) {
	t.Parallel()
	for _, broker := range []string{"rabbit", "kafka"} {
		t.Run(broker, func(t *testing.T) {
			t.Parallel()
			scale(t, broker)
		})
	}
}

func scale(t *testing.T, broker string) {
	p := newPlace(t, "scale")
	jobs, done := p.own("jobs"), p.own("done")
	p.rename("jobs: {type", jobs+": {type", "done: {type", done+": {type", "from: jobs", "from: "+jobs, "from: done", "from: "+done, "send: jobs", "send: "+jobs, "send: done", "send: "+done)
	queues := []string{done}
	if broker == "kafka" {
		k := newKafka(t, []string{jobs}, []string{p.own("worker") + ".work"})
		p.set("KAFKA_BROKERS", k.addr)
	} else {
		queues = append(queues, jobs)
	}
	r := newRabbit(t, nil, queues)
	p.set("RABBIT_URL", r.url)
	p.set("COURIER_URL", partners(t).URLs()["courier"])
	p.set("HUB_LISTEN", hubtest.FreePort(t))
	p.set("PACE", "60/s")
	via := []string{"--set", "channels." + jobs + ".via=" + broker}
	worker := func(name string) *hub {
		return p.run(name, "worker.yaml", append(via, "--set", "hub.name="+p.own("worker")), "WORKER", name)
	}
	desk, one := p.run("desk", "pipelines.yaml", via), worker("one")
	sent := int64(0)
	more := func() { // another batch
		const batch = 200
		same(t, "the answer to a batch", desk.do("POST", "/batches", fmt.Sprintf(`{"jobs": %d}`, batch)).status, 202)
		sent += batch
	}
	counts := func() map[string]int64 { return desk.status().Counters["done"] }
	report := func() string { return fmt.Sprintln(counts(), sent) + desk.report() + one.report() }
	// busy waits until what the counter says holds; the workers never run out of jobs meanwhile.
	busy := func(what string, ok func(n map[string]int64) bool) {
		t.Helper()
		await(t, soon, what, func() bool {
			n := counts()
			if sent-n["one"]-n["two"] < 200 {
				more()
			}
			return ok(n)
		}, report)
	}

	busy("the first worker works", func(n map[string]int64) bool { return n["one"] >= 50 })
	two := worker("two")
	busy("the second worker has a share", func(n map[string]int64) bool { return n["two"] >= 50 })
	before := counts()
	busy("the first goes on beside it", func(n map[string]int64) bool { return n["one"] >= before["one"]+20 })
	one.kill()
	more()
	var n map[string]int64
	await(t, time.Minute, "the second does the rest", func() bool { n = counts(); return n["one"]+n["two"] >= sent }, func() string {
		return fmt.Sprintln(n, sent) + desk.report() + two.report()
	})
	two.stop()
	desk.stop() // what is done twice has been told twice by now
	desk.start()
	n = counts()
	same(t, fmt.Sprintf("jobs done, of %v", n), n["one"]+n["two"], sent)
	if n["two"] <= before["two"] {
		t.Errorf("the second worker did nothing more: %v, before the kill %v", n, before)
	}
}
