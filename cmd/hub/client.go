package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"time"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/pipelines/yamlfile"
)

// client calls the admin API of the running hub.
type client struct {
	socket   string
	personal bool // answers show personal data
	http     http.Client
}

// client finds the running hub's control socket; it does not connect yet.
func (c *cli) client() *client {
	socket := socketPath(c.home, configuredStore())
	at := dialable(socket)
	return &client{socket, c.personal, http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", at)
		}}}}
}

// configuredStore is the store that the environment or the default configuration names.
func configuredStore() string {
	if url := os.Getenv("HUB_STORE"); url != "" {
		return url
	}
	loader := yamlfile.NewLoader()
	if path := configPath(nil); exists(path) {
		if root, ok := loader.ReadFile(path); ok {
			if url, ok := root.Get("hub").Get("store").Text(); ok && url != "" {
				return url
			}
		}
	}
	return "sqlite:hub.db"
}

// errUnreachable: no hub answers at the socket.
type errUnreachable struct{ socket string }

func (e *errUnreachable) Error() string {
	return fmt.Sprintf("no hub is running at %s (start one: hub run; or point to one: --hub SOCKET, HUB_HOME)", e.socket)
}

// call makes one call and gives the answer's JSON. Problems come as *apiError.
func (c *client) call(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	target := "http://hub" + path
	if c.personal {
		query = maps.Clone(query)
		if query == nil {
			query = url.Values{}
		}
		query.Set("personal", "true")
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := c.http.Do(req)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	if res.StatusCode/100 != 2 {
		e := &apiError{Status: res.StatusCode, Title: res.Status}
		if json.Unmarshal(raw, e) != nil {
			e.Detail = string(raw)
		}
		return nil, e
	}
	return raw, nil
}

func (c *client) failure(ctx context.Context, err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return exit.With(exit.Interrupted, nil)
	case errors.Is(err, context.DeadlineExceeded):
		return exit.With(exit.Timeout, fmt.Errorf("the hub at %s did not answer in time", c.socket))
	case errors.As(err, &dial) && dial.Op == "dial":
		if errors.Is(err, os.ErrPermission) {
			return exit.With(exit.Unreachable, fmt.Errorf("the hub at %s belongs to another user", c.socket))
		}
		return exit.With(exit.Unreachable, &errUnreachable{c.socket})
	}
	return exit.With(exit.Unreachable, fmt.Errorf("the hub at %s: %w", c.socket, err))
}

// fetch makes a call and reads its answer into v. With -o json the answer is
// printed as it came, and done is true.
func (c *cli) fetch(ctx context.Context, method, path string, query url.Values, body []byte, v any) (done bool, err error) {
	raw, err := c.client().call(ctx, method, path, query, body)
	if err != nil {
		return false, c.tellProblem(err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return false, fmt.Errorf("the hub's answer: %w", err)
	}
	if c.IsJSON() {
		_, err = c.Out.Write(raw)
		return true, err
	}
	return false, nil
}

// tellProblem prints a problem as JSON when JSON was asked for.
func (c *cli) tellProblem(err error) error {
	if e, ok := errors.AsType[*apiError](err); ok && c.IsJSON() {
		if err := c.PrintJSON(e); err != nil {
			return err
		}
		return exit.Told()
	}
	return err
}
