package matrix

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"orderhub/hub/hubtest"
)

// httpSource is a partner that posts to the hub, through the link, until it is told that the hub has the message.
func httpSource(t testing.TB, _ *cell) source {
	addr := hubtest.FreePort(t)
	l := newLink(t, "", addr)
	const posts = 64 // at once; the time for one runs from its turn on, else those that waited long would all be in vain
	turns := make(chan struct{}, posts)
	transport := &http.Transport{MaxIdleConnsPerHost: posts}
	client := &http.Client{Timeout: 5 * time.Second, Transport: transport}
	t.Cleanup(transport.CloseIdleConnections)
	post := func(ctx context.Context, id string) error {
		turns <- struct{}{}
		defer func() { <-turns }()
		req, err := http.NewRequestWithContext(ctx, "POST", "http://"+l.addr+"/messages", bytes.NewReader(body(id)))
		if err != nil {
			return err
		}
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", id)
		res, err := client.Do(req)
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			return err
		}
		if res.StatusCode != http.StatusAccepted {
			return errors.New(res.Status)
		}
		return nil
	}
	put := func(ctx context.Context, ids []string) error {
		var group sync.WaitGroup
		for _, id := range ids {
			group.Go(func() {
				for post(ctx, id) != nil && ctx.Err() == nil {
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		group.Wait()
		return ctx.Err()
	}
	return source{adapter: fmt.Sprintf("{type: http-server, listen: %q}", addr), from: "{in: POST /messages}", reply: true, link: l, put: put}
}

// httpTarget is a partner that takes posts.
func httpTarget(t testing.TB, _ *cell) target {
	arrived := newTally()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var m struct{ ID string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable) // a request that was cut
			return
		}
		arrived.add(m.ID, false)
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(server.Close)
	l := newLink(t, "", strings.TrimPrefix(server.URL, "http://"))
	return target{adapter: fmt.Sprintf("{type: http-client, url: %q, ops: {put: POST /messages}}", "http://"+l.addr), step: "call: out.put", link: l, count: arrived.count}
}
