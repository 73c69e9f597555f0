package examples

import (
	"fmt"
	"testing"
)

// TestScale: a second worker of the same name gets a share of the jobs, and all of them when the first one is killed. None is lost, and
// none counts twice.
func TestScale(t *testing.T) {
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
	p.set("HUB_LISTEN", freePort(t))
	p.set("PACE", "60/s")
	via := []string{"--set", "channels." + jobs + ".via=" + broker}
	worker := func(name string) *hub {
		return p.run(name, "worker.yaml", append(via, "--set", "hub.name="+p.own("worker")), "WORKER", name)
	}
	desk, one := p.run("desk", "pipelines.yaml", via), worker("one")
	counts := func() map[string]int64 { return desk.status().Counters["done"] }
	report := func() string { return fmt.Sprintln(counts()) + desk.report() + one.report() }

	const batch = 600
	same(t, "the answer to a batch", desk.do("POST", "/batches", fmt.Sprintf(`{"jobs": %d}`, batch)).status, 202)
	await(t, soon, "the first worker works", func() bool { return counts()["one"] >= 50 }, report)
	two := worker("two")
	await(t, soon, "the second worker has a share", func() bool { return counts()["two"] >= 50 }, report)
	before := counts()
	await(t, soon, "the first goes on beside it", func() bool { return counts()["one"] >= before["one"]+20 }, report)
	one.kill()
	if n := counts(); n["one"]+n["two"] >= batch {
		t.Errorf("the first worker is killed behind the last job: %v", n)
	}
	var n map[string]int64
	await(t, soon, "all jobs are done", func() bool { n = counts(); return n["one"]+n["two"] >= batch }, func() string {
		return fmt.Sprintln(n) + desk.report() + two.report()
	})
	desk.stop()
	two.stop() // what is done twice has been told twice by now
	desk.start()
	n = counts()
	same(t, fmt.Sprintf("jobs done, of %v", n), n["one"]+n["two"], batch)
}
