package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

const connected = `
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  far: {type: http-client, url: "FAR", ops: {ask: POST /}}
  billing: {type: http-client, url: "${TEST_BILLING_URL}", ops: {charge: POST /charges}}
pipelines:
  in:
    from: {web: POST /orders}
    steps: [{call: far.ask}, {call: billing.charge}, {reply: 202}]
`

// TestValidateConnect: who is away is a problem at its adapter; a partner that a stub stands in for is not asked.
func TestValidateConnect(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	far := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a request was sent") }))
	s := newSite(t, strings.Replace(connected, "FAR", far.URL, 1))
	has(t, s.hub(0, "validate", s.config, "--connect"), "valid in ", "3 adapters; 1 far end asked; 1 warning")
	far.Close()
	has(t, s.hub(1, "validate", s.config, "--connect"), "pipelines.yaml:4:3: error[E291]: far can't be asked: dial tcp "+strings.TrimPrefix(far.URL, "http://")+": connect: connection refused",
		"help: start it", "1 error, 1 warning")
	if out := s.hub(0, "validate", s.config); strings.Contains(out, "asked") {
		t.Errorf("without --connect nobody is asked:\n%s", out)
	}
	out := s.hub(1, "validate", s.config, "--connect", "-o", "json")
	var list []struct {
		Code string
		Line int
	}
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&list); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if len(list) != 2 || list[0].Code != "E291" || list[0].Line != 4 || list[1].Code != "W120" {
		t.Errorf("%+v", list)
	}
	s.write(strings.Replace(connected, "call: far.ask", "cal: far.ask", 1))
	if out := s.hub(1, "validate", s.config, "--connect"); strings.Contains(out, "E291") {
		t.Errorf("an invalid configuration asks nobody:\n%s", out)
	}
}

// TestValidateConnectOpens: what can't be opened is told like any other problem.
func TestValidateConnectOpens(t *testing.T) {
	s := newSite(t, connected)
	out := s.hub(1, "validate", s.config, "--connect", "--set", "adapters.far.url=http://127.0.0.1:1", "--set", "pipelines.again={from: {web: POST /orders}, steps: [{reply: 200}]}")
	has(t, out, "error[E291]: the configuration can't be opened: ", `pipeline again: http-server "web": the route "POST /orders" is there twice`)
}
