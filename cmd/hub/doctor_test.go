package main

import (
	"crypto/tls"
	"encoding/json"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/hubtest"
)

const patient = `
hub: {store: "sqlite:STORE"}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  far: {type: http-client, url: "FAR", tls: {ca: far.pem}, ops: {ask: POST /}}
channels:
  asked: {type: direct}
pipelines:
  in:
    from: {web: POST /orders}
    steps: [{call: far.ask}, {reply: 202}, {send: asked}]
`

// examined runs the doctor, which must end with the code, and gives its checks by name.
func (s *site) examined(code int, args ...string) map[string]api.Check {
	s.t.Helper()
	out := s.hub(code, append([]string{"doctor", s.config, "-o", "json"}, args...)...)
	var v api.Checkup
	if err := json.NewDecoder(strings.NewReader(out)).Decode(&v); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	checks := map[string]api.Check{}
	for _, c := range v.Checks {
		checks[c.Name] = c
	}
	return checks
}

func (s *site) verdict(c api.Check, verdict, found string) {
	s.t.Helper()
	if c.Verdict != verdict || !strings.Contains(c.Found, found) {
		s.t.Errorf("%+v, expected %s: %s", c, verdict, found)
	}
	if (verdict == api.Soon || verdict == api.Broken) && c.Do == "" {
		s.t.Errorf("%s does not say what to do", c.Name)
	}
}

// TestDoctor: each check without a hub, and beside one, which examines itself; what is wrong is exit 1.
func TestDoctor(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	date := time.Now()
	far := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodHead {
			t.Errorf("%s was asked", r.Method)
		}
		w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
	}))
	s := newSite(t, "")
	far.TLS = &tls.Config{Certificates: []tls.Certificate{*hubtest.Certificate(t, nil, s.dir, "far")}}
	far.StartTLS()
	s.write(strings.Replace(patient, "FAR", far.URL, 1))

	c := s.examined(0)
	s.verdict(c["configuration"], api.Well, "pipelines.yaml is valid")
	s.verdict(c["secrets"], api.Well, "")
	s.verdict(c["port web"], api.Well, "http://127.0.0.1:")
	s.verdict(c["adapter far"], api.Soon, "it answers; its certificate ends in 59m")
	s.verdict(c["clock"], api.Well, "it goes with that of far")
	s.verdict(c["store"], api.Well, "there is none yet")
	s.verdict(c["disk"], api.Well, "MiB are free at "+s.dir)
	if c["open files"].Found == "" || c["memory"].Found == "" {
		t.Errorf("no limits: %+v", c)
	}
	date = date.Add(-time.Hour)
	s.verdict(s.examined(1)["clock"], api.Broken, "ahead of that of far")
	date = time.Now().Add(10 * time.Second)
	s.verdict(s.examined(0)["clock"], api.Soon, "behind that of far")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s.verdict(s.examined(1, "--set", "adapters.web.listen="+taken.Addr().String())["port web"], api.Broken, "address already in use")
	s.verdict(s.examined(1, "--set", "hub.ops={address: "+taken.Addr().String()+"}")["port hub.ops"], api.Broken, "address already in use")
	s.verdict(s.examined(0, "--set", "hub.console={address: "+taken.Addr().String()+"}")["port hub.console"], api.Soon, "address already in use")
	taken.Close()
	s.verdict(s.examined(1, "--set", "hub.name=secret:nobody")["secrets"], api.Broken, `secret "nobody" is in no file`)

	s.start()
	c = s.examined(0)
	s.verdict(c["port web"], api.Well, "this hub answers at "+s.ready.URLs["web"])
	s.verdict(c["store"], api.Well, "MiB are whole")
	s.verdict(c["open files"], c["open files"].Verdict, "are open")
	has(t, s.hub(0, "doctor", s.config), "ok       configuration", "warning  adapter far", "help: let its owner renew the certificate")
	far.Close()
	c = s.examined(1)
	s.verdict(c["adapter far"], api.Broken, "connection refused")
	s.verdict(c["clock"], api.Unknown, "nobody that tells the time answered")
	s.write(strings.Replace(patient, "FAR", "https://127.0.0.1:1", 1))
	s.verdict(s.examined(1)["configuration"], api.Soon, "was changed")
	s.write(strings.NewReplacer("FAR", "https://127.0.0.1:1", "call: far.ask", "cal: far.ask").Replace(patient))
	s.verdict(s.examined(1)["configuration"], api.Broken, "1 error; the first: ")
	s.stop()
	s.verdict(s.examined(1)["store"], api.Well, "MiB are whole")
	file := filepath.Join(s.dir, "hub.db")
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	copy(b[4096:], make([]byte, 64)) // the root page of a table
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	s.verdict(s.examined(1)["store"], api.Broken, "hub.db is damaged: ")
}
