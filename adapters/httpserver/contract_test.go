package httpserver

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"orderhub/hub"
	"orderhub/hub/hubtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestComponent(t *testing.T) { hubtest.Component(t, Component()) }

func TestSourceContract(t *testing.T) {
	f := hubtest.Features{Headers: []string{"content-type", "idempotency-key", "traceparent", "x-request-id"}}
	hubtest.Source(t, f, func(t *testing.T) hubtest.SourceFar { return &clientFar{} })
}

// clientFar is a client that posts to a real server.
type clientFar struct {
	url            string
	client         *http.Client
	acked, refused atomic.Int64
	wait           sync.WaitGroup
}

func (c *clientFar) Open(t *testing.T) hub.Source {
	cfg := defaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Limits.MaxBody = 2 << 20
	s, err := definition().New(cfg, &hub.Env{Name: "web"})
	if err != nil {
		t.Fatal(err)
	}
	src, err := s.OpenSource("POST /in", &SourceConfig{Consumes: []string{"application/json", "application/octet-stream"}, EmptyBody: true})
	if err != nil {
		t.Fatal(err)
	}
	if c.url, err = s.Start(context.Background()); err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{}
	c.client = &http.Client{Transport: tr}
	t.Cleanup(func() {
		c.wait.Wait()
		tr.CloseIdleConnections()
		if err := s.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return src
}

// Put posts until the route is served: 503 not_ready is no answer to the message.
func (c *clientFar) Put(t *testing.T, m *hub.Message) {
	c.wait.Go(func() {
		for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
			req, _ := http.NewRequest("POST", c.url+"/in", bytes.NewReader(m.Body.Bytes()))
			for k, v := range m.Headers {
				req.Header.Set(k, v)
			}
			resp, err := c.client.Do(req)
			if err != nil {
				t.Errorf("post: %v", err)
				return
			}
			var b bytes.Buffer
			b.ReadFrom(resp.Body)
			resp.Body.Close()
			switch {
			case strings.Contains(b.String(), "not_ready"):
				continue
			case resp.StatusCode/100 == 2:
				c.acked.Add(1)
			default:
				c.refused.Add(1)
			}
			return
		}
		t.Error("the route never became ready")
	})
}

func (c *clientFar) Acked(*testing.T) int   { return int(c.acked.Load()) }
func (c *clientFar) Refused(*testing.T) int { return int(c.refused.Load()) }
