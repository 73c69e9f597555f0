package system

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const outsiderConfig = `
hub: {name: shop}
adapters:
  web: {type: http-server, listen: "127.0.0.1:0"}
  far: {type: http-client, url: "${PARTNER}", ops: {ask: POST /ask}}
  near: {type: http-client, url: "${PARTNER}", forbid_private: true, ops: {ask: POST /ask}}
  gone: {type: http-client, url: "http://127.0.0.1:1", ops: {ask: POST /ask}}
  chatty: {type: http-client, url: "${CHATTY}", bearer: "secret:chatty", ops: {ask: POST /ask}}
channels:
  inner: {type: direct}
pipelines:
  a: {from: {web: POST /far}, steps: [{call: far.ask, as: x}, {reply: {status: 200}}]}
  b: {from: {web: POST /near}, steps: [{call: near.ask, as: x}, {reply: {status: 200}}]}
  c: {from: {web: POST /gone}, steps: [{call: gone.ask, retry: never, as: x}, {reply: {status: 200}}]}
  d: {from: {web: POST /formula}, steps: [{set: {x: '=number("internal " + body.a)'}}, {reply: {status: 200}}]}
  e: {from: {web: POST /inner}, steps: [{call: inner, as: x}, {reply: {status: 200}}]}
  f: {from: {web: POST /said}, steps: [{fail: {class: sold_out, say: '="no " + body.a + " left"'}}]}
  g: {from: {web: POST /chatty}, steps: [{call: chatty.ask, as: x}, {reply: {status: 200}}]}
  answerer: {from: inner, steps: [{call: far.ask, as: x}, {reply: {status: 200}}]}
`

// outsider is a hub of its own with partners that say too much.
func outsider(t *testing.T, chatty string) *cage {
	c := &cage{t: t, dir: t.TempDir(), said: map[string]string{}}
	partner := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.WriteHeader(http.StatusConflict)
		fmt.Fprintf(w, "internal: db7.corp.example, table customers, at %s", r.Host)
	}))
	t.Cleanup(partner.Close)
	if err := os.WriteFile(filepath.Join(c.dir, "pipelines.yaml"), []byte(outsiderConfig), 0o600); err != nil {
		t.Fatal(err)
	}
	c.env = append(alone(), "HUB_CONFIG=pipelines.yaml", "PARTNER="+partner.URL, "CHATTY="+chatty, "HUB_SECRET_CHATTY=chatty-bearer-token")
	c.start()
	return c
}

// TestFault_S9_OutsidersReadNothingOfTheInside: an answer has the class, the reason, the pipeline's own words and the trace, but no
// address, no file, and nothing that another partner said.
func TestFault_S9_OutsidersReadNothingOfTheInside(t *testing.T) {
	t.Parallel()
	c := outsider(t, "http://127.0.0.1:1")
	for path, want := range map[string]string{"far": "http_409", "near": "target_forbidden", "gone": "unavailable", "formula": "transform", "inner": "http_409", "said": "no lamp left"} {
		c.post("/"+path, `{"a":"lamp"}`)
		text := c.said["answer to POST /"+path+` {"a":"lamp"}`]
		if !strings.Contains(text, want) || !strings.Contains(text, "trace_id") {
			t.Errorf("%s: no %q in %s", path, want, text)
		}
		for _, inside := range []string{"127.0.0.1", "internal", "corp.example", "customers", ".yaml", "dial", "goroutine"} {
			if strings.Contains(text, inside) {
				t.Errorf("%s: %q is of the inside: %s", path, inside, text)
			}
		}
	}
	c.await("the log has it all", func() bool { return strings.Contains(c.verb("refused", "list"), "forbidden network") })
	if log := c.logged(); strings.Contains(log, "corp.example") {
		t.Errorf("the log has what a partner said: %s", log)
	}
}

// TestFault_S9_LibrariesLogThroughTheHub: what net/http says of a partner that talks out of turn is a line of the hub's log like any
// other, masked.
func TestFault_S9_LibrariesLogThroughTheHub(t *testing.T) {
	t.Parallel()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	answered := make(chan struct{})
	go func() {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		buf := make([]byte, 4096)
		conn.Read(buf)
		fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}")
		<-answered // the connection is idle; a second answer that nobody asked for
		fmt.Fprint(conn, "chatty-bearer-token \x1b[2J\r\n\r\n")
		conn.Read(buf)
	}()
	c := outsider(t, "http://"+ln.Addr().String())
	c.post("/chatty", `{}`)
	close(answered)
	c.await("the log tells of it", func() bool { return strings.Contains(c.logged(), "Unsolicited response") })
	for line := range strings.Lines(c.logged()) {
		if strings.Contains(line, "Unsolicited") && (!strings.HasPrefix(line, "time=") || !strings.Contains(line, "[HUB_SECRET_CHATTY]")) || strings.Contains(line, "bearer-token") || strings.ContainsRune(line, '\x1b') {
			t.Errorf("a line past the hub's log: %q", line)
		}
	}
}
