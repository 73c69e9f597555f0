package main

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/hubtest"
)

// TestPeers: hub trace asks the hubs under `peers:`, shows one timeline with the hub of each line, and tells of the one that is away.
func TestPeers(t *testing.T) {
	t.Setenv("HUB_SECRET_EAST", "token-of-east-17")
	t.Setenv("HUB_SECRET_OTHER", "token-of-nobody-4")
	east := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, ops: {address: "127.0.0.1:0", token: "secret:east"}`, 1))
	east.start()
	north := newSite(t, strings.Replace(shop, "name: shop", `name: north, peers: {east: {url: "`+east.ready.Ops+`", token: "secret:east"}, west: {url: "http://127.0.0.1:1", token: "secret:other"}, wrong: {url: "`+east.ready.Ops+`", token: "secret:other"}}`, 1))
	north.start()
	for _, s := range []*site{east, north} {
		if res := s.post("/orders", `{"id":"W-1","total":-5,"kind":"web"}`); res.StatusCode != 202 {
			t.Fatal(res.Status)
		}
		hubtest.Until(t, "the dead letter", func() bool { return strings.Contains(s.hub(0, "dlq"), "the total is not positive") })
	}
	key := func(s *site) (v *api.Trace) {
		v = &api.Trace{}
		if err := json.Unmarshal([]byte(s.hub(0, "trace", "W-1", "-o", "json")), v); err != nil {
			t.Fatal(err)
		}
		return v
	}
	alone, both := key(east), key(north)
	hubs := map[string]int{}
	for i, e := range both.Events {
		hubs[e.Hub]++
		if i > 0 && e.Time.Before(both.Events[i-1].Time) {
			t.Errorf("event %d is out of order: %v", i, both.Events)
		}
	}
	if hubs["east"] != len(alone.Events) || hubs["north"] != len(alone.Events) || len(hubs) != 2 || both.State != api.Dead || len(both.Stored) != 2 {
		t.Errorf("north knows %v events of each, %s, %+v; east alone %d", hubs, both.State, both.Stored, len(alone.Events))
	}
	text := north.hub(0, "trace", "W-1")
	has(t, text, "HUB", " east ", " north ", "dead in orders at east", "not asked: west: ", "refused", "not asked: wrong: the token is not the one under hub.ops.token of this hub")
	if alone.Events[0].Hub != "" || strings.Contains(east.hub(0, "trace", "W-1"), "HUB") {
		t.Errorf("a hub without peers names itself: %v", alone.Events[0])
	}
	has(t, north.hub(1, "trace", "nobody-knows"), "nothing is known of nobody-knows", "not asked: west: no hub answers at http://127.0.0.1:1: dial tcp")
}

// TestPeerToken: a trace is served beside the metrics to whoever has the token, and to nobody where none is set; bytes of messages are not.
func TestPeerToken(t *testing.T) {
	t.Setenv("HUB_SECRET_OPS", "token-of-ops-2317")
	ask := func(s *site, method, query, token string) (int, string) {
		req, err := http.NewRequest(method, s.ready.Ops+"/trace"+query, nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", token)
		}
		res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return res.StatusCode, string(body)
	}
	open := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, ops: {address: "127.0.0.1:0"}`, 1))
	open.start()
	shut := newSite(t, strings.Replace(shop, "drain: 2s", `drain: 2s, ops: {address: "127.0.0.1:0", token: "secret:ops"}`, 1))
	shut.start()
	shut.post("/orders", `{"id":"W-7","total":"not-to-be-seen-4711`)
	shut.post("/orders", `{"id":"W-1","total":7,"kind":"web"}`)
	hubtest.Until(t, "the order is done", func() bool { return cell(t, shut.hub(0, "status"), "work", 2) == "1" })
	for _, c := range []struct {
		s                    *site
		method, query, token string
		want                 int
	}{
		{open, "GET", "?id=W-1", "", 401}, {open, "GET", "?id=W-1", "Bearer ", 401}, {open, "GET", "?id=W-1", "Bearer token-of-ops-2317", 401},
		{shut, "GET", "?id=W-1", "", 401}, {shut, "GET", "?id=W-1", "Bearer ", 401}, {shut, "GET", "?id=W-1", "Bearer token-of-ops-231", 401}, {shut, "GET", "?id=W-1", "Basic token-of-ops-2317", 401},
		{shut, "POST", "?id=W-1", "Bearer token-of-ops-2317", 405}, {shut, "GET", "", "Bearer token-of-ops-2317", 400}, {shut, "GET", "?id=last", "Bearer token-of-ops-2317", 400},
		{shut, "GET", "?id=X", "Bearer token-of-ops-2317", 404}, {shut, "GET", "?id=X&id=W-1", "Bearer token-of-ops-2317", 200},
	} {
		status, body := ask(c.s, c.method, c.query, c.token)
		if status != c.want || (status == 200) != strings.Contains(body, `"received"`) || strings.Contains(body, "token-of") {
			t.Errorf("%s %s with %q: %d, want %d\n%s", c.method, c.query, c.token, status, c.want, body)
		}
	}
	var refused []struct{ ID string }
	if err := json.Unmarshal([]byte(shut.hub(0, "refused", "list", "-o", "json")), &refused); err != nil || len(refused) != 1 || !strings.Contains(shut.hub(0, "trace", refused[0].ID), "4711") {
		t.Fatalf("%v: %+v", err, refused)
	}
	if status, body := ask(shut, "GET", "?personal=true&full=true&id="+refused[0].ID, "Bearer token-of-ops-2317"); status != 200 || strings.Contains(body, "4711") || !strings.Contains(body, `"refused"`) {
		t.Errorf("of what was refused: %d\n%s", status, body)
	}
}
