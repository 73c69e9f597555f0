package matrix

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/Shopify/toxiproxy/v2/toxics"
	"orderhub/hub/hubtest"
)

// alertRule is what each of the outages below is watched by; its messages are files.
const alertRule = `alerts:
  away:
    when: not up("out")
    hold: 5s
    send: {told: "{id}.json"}
`

// TestAlerts_OutagesAreToldOnce: an outage raises its alert once and clears it once, however often the hub starts anew meanwhile.
func TestAlerts_OutagesAreToldOnce(t *testing.T) {
	if _, err := hubtest.Binary(); err != nil {
		t.Fatal(err)
	}
	sideBySide(outagesAtOnce, []outage{
		ofCharges("billing refused", func(_ testing.TB, s *service) { s.link.down() }, func(t testing.TB, s *service) { s.link.up(t) }),
		ofCharges("billing 503", func(_ testing.TB, s *service) { s.refuses.Store(true) }, func(_ testing.TB, s *service) { s.refuses.Store(false) }),
		ofCharges("billing slow", func(_ testing.TB, s *service) { s.link.infect(&toxics.TimeoutToxic{}) }, func(_ testing.TB, s *service) { s.link.infect(&toxics.NoopToxic{}) }),
		{"mail server away", filesSource, func(t testing.TB, c *cell) target { return mailTarget(t, c, &atomic.Bool{}) }, down, up},
		{"PostgreSQL away", filesSource, sqlTarget, down, up},
		{"RabbitMQ away", filesSource, amqpTarget, down, up},
		{"Kafka away", filesSource, kafkaTarget, down, up},
	}, func(o outage) { t.Run(o.name, o.toldOnce) })
}

func (o *outage) toldOnce(t *testing.T) {
	c := &cell{form: form{messages: 2}, dir: t.TempDir(), name: fmt.Sprintf("hubalert.%d.%d", os.Getpid(), lastOutage.Add(1)), result: &result{}}
	out := o.out(t, c)
	in := o.in(t, c)
	told := filepath.Join(c.dir, "told")
	if err := os.Mkdir(told, 0o700); err != nil {
		t.Fatal(err)
	}
	yaml := fmt.Sprintf(configuration, in.adapter, out.adapter+fmt.Sprintf("\n  told: {type: files, dir: %q}", told), in.from, "", out.step, "soon") + alertRule
	h := runHub(t, c.dir, yaml)
	ids := []string{c.name + ".1", c.name + ".2"}
	put := func(id string) {
		t.Helper()
		if err := in.put(t.Context(), []string{id}); err != nil {
			t.Fatal(err)
		}
	}
	put(ids[0])
	h.awaits(t, "the first arrives", time.Minute, func() bool { return len(c.judge(t, out, ids[:1])) == 0 })
	o.away(t, out.link)
	put(ids[1])
	h.awaits(t, "the alert is told", time.Minute, func() bool { return len(alerts(t, told)) > 0 })
	for range 3 {
		if err := h.stop(); err != nil {
			t.Fatal(err)
		}
		h = runHub(t, c.dir, yaml)
		looked := time.Now().Add(12 * time.Second) // one look at the start, one after it
		h.awaits(t, "two looks", time.Minute, func() bool { return time.Now().After(looked) })
	}
	o.there(t, out.link)
	h.awaits(t, "all arrive", drained, func() bool { return len(c.judge(t, out, ids)) == 0 })
	h.awaits(t, "the end is told", time.Minute, func() bool { return slices.Contains(alerts(t, told), "cleared") })
	if err := h.stop(); err != nil {
		t.Error(err)
	}
	if got := alerts(t, told); !slices.Equal(got, []string{"raised", "cleared"}) {
		t.Errorf("told: %v\n%s", got, h.tail())
	}
}

// alerts are the states that were told, in their order.
func alerts(t testing.TB, dir string) (states []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	type message struct{ Alert, State, At string }
	var all []message
	for _, f := range files {
		raw, err := os.ReadFile(f)
		var m message
		if err == nil {
			err = json.Unmarshal(raw, &m)
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	slices.SortFunc(all, func(a, b message) int { return strings.Compare(a.At, b.At) })
	for _, m := range all {
		states = append(states, m.State)
	}
	return states
}
