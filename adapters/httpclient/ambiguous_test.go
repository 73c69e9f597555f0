package httpclient

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"orderhub/hub"
)

// A request to a service that does not know repeats, and that it may have done, is ambiguous, and no other end is.
func TestFault_B2_RequestsThatMayBeDone(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server sees that the client has gone
		<-r.Context().Done()
	}
	cut := func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
	says := func(status int) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) }
	}
	for name, c := range map[string]struct {
		handler             http.HandlerFunc
		plain, retry, parks string
	}{
		"no answer":           {hang, "timeout timeout", "timeout ambiguous", "rejected ambiguous"},
		"cut":                 {cut, "unavailable connection", "timeout ambiguous", "rejected ambiguous"},
		"lost by the gateway": {says(504), "timeout http_504", "timeout ambiguous", "rejected ambiguous"},
		"bad gateway":         {says(502), "unavailable http_502", "timeout ambiguous", "rejected ambiguous"},
		"says no":             {says(503), "unavailable http_503", "unavailable http_503", "unavailable http_503"},
		"refused":             {says(422), "rejected http_422", "rejected http_422", "rejected http_422"},
		"nobody there":        {nil, "unavailable connection", "unavailable connection", "unavailable connection"},
	} {
		for on, want := range map[string]string{"": c.plain, "retry": c.retry, "park": c.parks} {
			srv := httptest.NewServer(c.handler)
			if c.handler == nil {
				srv.Close()
			}
			op := Op{HTTP: "POST /refunds", OnAmbiguous: hub.OnAmbiguous(on)}
			patience := 20 * time.Second
			if name == "no answer" {
				patience = 300 * time.Millisecond
			}
			client := newClient(t, srv.URL, func(cfg *Config) { cfg.Timeout, cfg.Ops = patience, map[string]Op{"refund": op} })
			caller, err := client.OpenCaller("refund")
			if err != nil {
				t.Fatal(err)
			}
			_, err = caller.Call(context.Background(), message(`{"n":1}`))
			if e := hub.AsError(err); err == nil || string(e.Class)+" "+e.Reason != want {
				t.Errorf("%s, on_ambiguous %q: %s %s: %v, want %s", name, on, e.Class, e.Reason, err, want)
			}
			client.Close(context.Background())
			srv.Close()
		}
	}
}
