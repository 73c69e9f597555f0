package system

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	"orderhub/hub/hubtest"
	"orderhub/stub"
)

const watchedConfig = `hub: {name: watched, store: "${HUB_STORE}"}
schemas: {order: order.json}
adapters:
  web: {type: http-server, listen: "${HUB_LISTEN}"}
  secure: {type: http-server, listen: "127.0.0.1:0", tls: {cert: web.test.pem, key: web.test.key}}
  billing: {type: http-client, url: "${BILLING_URL}", ops: {charge: POST /charges}}
  rows: {type: files, dir: inbox, match: "*.csv", poll: 20ms}
channels: {orders: {type: direct, key: body.id}, notices: {type: direct}}
pipelines:
  intake: {from: {web: POST /orders, schema: order, public: true}, steps: [{reply: 202}, {send: orders}]}
  shown: {from: {secure: GET /orders, public: true}, steps: [{reply: 200}]}
  phone: {from: {rows: "*.csv", format: csv}, steps: [{send: orders}]}
  work: {from: orders, steps: [{when: body.id == "bad", fail: bad}, {start: parcel}]}
processes:
  parcel:
    id: body.id
    data: {order: order}
    states:
      new: {next: [{when: order.id == "paid", goto: charging}, {goto: packing}]}
      packing: {task: {group: store, ask: {done: bool}, due: 1s}, next: [{goto: done}]}
      charging: {steps: [{call: billing.charge, with: {}, retry: never, as: charge}], next: [{goto: done}]}
      done: {final: true}
alerts:
  ending: {when: expires("secure") < seconds("2h"), severity: info, text: '="the certificate ends in " + string(round(expires("secure") / 60)) + " minutes"'}
  unheard: {when: silent("intake") > seconds("1h")}
  late: {when: late("parcel") > 0, hold: 0s}
  stuck: {when: stuck("parcel") > 0, hold: 0s}
  lagging: {when: lag("rows") > 1, hold: 0s}
  failing: {when: failed("work") > 0}
  refusing: {when: 'refused("intake", "schema") > 0'}
  dead: {when: dead("orders") > 0, hold: 0s, severity: critical, text: '=string(dead("orders")) + " dead letters"', send: notices}
`

// TestAlertVerbs: hub alerts and silence on the real binary, with rules over what real parts tell of themselves.
func TestAlertVerbs(t *testing.T) {
	t.Parallel()
	s := newSite(t, "", stub.Options{})
	s.says(3, words("alerts"), "no hub is running")
	refusing := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnprocessableEntity) }))
	t.Cleanup(refusing.Close)
	s.env = append(s.env, "BILLING_URL="+refusing.URL)
	s.config = s.file("watched.yaml", watchedConfig)
	s.file("order.json", `{"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}`)
	hubtest.Certificate(t, nil, s.dir, "web.test")
	s.start()
	stands := func(alert, severity, state string) bool {
		out, err := s.hub("alerts")
		return err == nil && regexp.MustCompile(`(?m)^`+alert+` +`+severity+` +`+state+` `).MatchString(out)
	}
	await(t, time.Minute, "the first look", func() bool { return stands("ending", "info", "firing") && stands("dead", "critical", "well") })
	out := s.says(0, words("alerts list"), `silent("intake") > seconds("1h")`, "the certificate ends in ")
	if strings.Index(out, "ending") > strings.Index(out, "dead") {
		t.Errorf("what is well stands before what fires:\n%s", out)
	}

	s.says(0, words("pause phone --why test"))
	for _, name := range []string{"a", "b", "c"} {
		s.file("inbox/"+name+".csv", "id\n"+name+"\n")
	}
	s.post("/orders", `{"id": "late"}`)
	s.post("/orders", `{"id": "paid"}`)
	await(t, time.Minute, "all alerts", func() bool {
		s.post("/orders", `{"id": "bad"}`) // failures and refusals are rates: there are some in each look
		if a := s.do(http.MethodPost, "/orders", `{}`); a.status != http.StatusUnprocessableEntity {
			t.Fatal(a)
		}
		return stands("dead", "critical", "firing") && stands("late", "warning", "firing") && stands("stuck", "warning", "firing") && stands("lagging", "warning", "firing") &&
			stands("failing", "warning", "firing") && stands("refusing", "warning", "firing")
	})
	if !stands("unheard", "warning", "well") {
		t.Error("what did not happen is told")
	}
	if out = s.says(0, words("alerts")); strings.Index(out, "\ndead ") > strings.Index(out, "\nlate ") {
		t.Errorf("the most urgent is not the first:\n%s", out)
	}
	if out = s.says(0, words("status"), "NEEDS ATTENTION", "alert  dead ", "critical: ", " dead letters"); strings.Contains(out, "alerts clock") {
		t.Errorf("the clock of the alerts is shown as a pipeline:\n%s", out)
	}

	s.says(1, words("alerts silence ded"), `no alert "ded"`, `Did you mean "dead"?`)
	s.says(1, words("alerts silence dead --for soon"), "soon")
	s.says(1, words("alerts silence dead --for 400d"), "a year at most")
	s.says(2, words("alerts silence"), "silence NAME")
	s.says(0, words("alerts silence dead --for 1h --why known --by ann"), "dead (firing) is silent for ", "by ann: known; end it with: hub alerts silence dead --for 0")
	s.says(0, words("alerts"), "by ann: known")
	s.says(0, words("status"), "silenced by ann")
	s.says(0, words("alerts silence dead --for 0 --by bob"), "dead is told again (firing): hub alerts")
	if out = s.says(0, words("alerts")); strings.Contains(out, "ann") {
		t.Errorf("a silence that was ended is shown:\n%s", out)
	}
	if acts := s.verified(); len(acts) < 3 || !strings.HasPrefix(acts[len(acts)-2], "ann|silence|dead|known|") || !strings.HasPrefix(acts[len(acts)-1], "bob|silence|dead||") {
		t.Errorf("the audit log has %q", acts)
	}

	s.says(0, words("dlq drop --all --yes --by ann"))
	await(t, time.Minute, "the end of the dead letters", func() bool { return stands("dead", "critical", "cleared") })
	if n, _ := s.status().queue("notices"); n != 2 {
		t.Errorf("%d messages tell of the dead letters, want one of their coming and one of their end:\n%s", n, s.says(0, words("channel show notices")))
	}
	s.file("watched.yaml", strings.Split(watchedConfig, "alerts:")[0])
	s.says(0, words("reload"))
	s.says(0, words("alerts"), "the configuration declares no alerts: add alerts: to it")
	s.says(1, words("alerts silence dead"), `no alert "dead"`)
	s.stop()
}
