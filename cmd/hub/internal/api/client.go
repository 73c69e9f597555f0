package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/exit"
)

// Client calls the hub behind a control socket.
type Client struct {
	HTTP   *http.Client
	socket string     // where the hub is, as people know it; "": elsewhere, at base
	base   string     // URL that paths stand behind
	token  string     // bearer token; "": none
	common url.Values // of every call's query
}

// NewClient is a client that does not connect yet. common goes along with every call: by and why, for the audit log, and personal.
func NewClient(socket string, common url.Values) *Client {
	at := dialable(socket)
	return &Client{socket: socket, base: "http://hub", common: common, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 2 * time.Second}).DialContext(ctx, "unix", at)
		}}}}
}

// NewRemote is a client of a hub elsewhere, for the calls that are answered behind base. common goes along with every call.
func NewRemote(base, token string, by *tls.Config, common url.Values) *Client {
	return &Client{base: strings.TrimSuffix(base, "/"), token: token, common: common, HTTP: &http.Client{Transport: &http.Transport{DisableKeepAlives: true,
		TLSClientConfig: by},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// Within is a client of the calls that h answers in this process.
func Within(h http.Handler) *Client {
	return &Client{socket: "this process", common: url.Values{}, HTTP: &http.Client{Transport: within{h}}}
}

type within struct{ http.Handler }

// RoundTrip gives what the handler answers, all of it at once.
func (w within) RoundTrip(r *http.Request) (*http.Response, error) {
	a := &answer{status: http.StatusOK, header: http.Header{}}
	w.ServeHTTP(a, r)
	return &http.Response{Status: http.StatusText(a.status), StatusCode: a.status, Header: a.header, Body: io.NopCloser(&a.body), Request: r}, r.Context().Err()
}

// answer is an http.ResponseWriter that keeps what is written.
type answer struct {
	status int
	header http.Header
	body   bytes.Buffer
}

func (a *answer) Header() http.Header         { return a.header }
func (a *answer) WriteHeader(status int)      { a.status = status }
func (a *answer) Write(p []byte) (int, error) { return a.body.Write(p) }

// Unreachable is the error of a socket at which no hub answers.
type Unreachable struct{ Socket string }

func (e *Unreachable) Error() string {
	return fmt.Sprintf("no hub is running at %s (start one: hub run; or point to one: --hub SOCKET, HUB_HOME)", e.Socket)
}

// Ask makes the call. body is nil, bytes, or a value that is sent as JSON. raw is the answer as it came. A problem comes as *Problem.
func (c Call[A]) Ask(ctx context.Context, client *Client, query url.Values, body any) (answer A, raw []byte, err error) {
	sent, ok := body.([]byte)
	if body != nil && !ok {
		if sent, err = json.Marshal(body); err != nil {
			return answer, nil, err
		}
	}
	if raw, err = client.Do(ctx, c.Method, c.Path, query, sent); err != nil {
		return answer, nil, err
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return answer, nil, fmt.Errorf("the hub's answer: %w", err)
	}
	return answer, raw, nil
}

// Do makes a call and gives the answer's JSON. A problem comes as *Problem.
func (c *Client) Do(ctx context.Context, method, path string, query url.Values, body []byte) ([]byte, error) {
	answer, err := c.Open(ctx, method, path, query, body)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	raw, err := io.ReadAll(answer)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	return raw, nil
}

// Open makes a call and gives its answer as it comes. The caller closes it. A problem comes as *Problem.
func (c *Client) Open(ctx context.Context, method, path string, query url.Values, body []byte) (io.ReadCloser, error) {
	target := c.base + path
	all := url.Values{}
	maps.Copy(all, c.common)
	maps.Copy(all, query)
	if len(all) > 0 {
		target += "?" + all.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	res, err := c.HTTP.Do(req)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	if res.StatusCode/100 == 2 {
		return res.Body, nil
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, c.failure(ctx, err)
	}
	p := &Problem{Status: res.StatusCode, Title: res.Status}
	if json.Unmarshal(raw, p) != nil {
		p.Detail = "answered " + res.Status
	}
	return nil, p
}

func (c *Client) failure(ctx context.Context, err error) error {
	var dial *net.OpError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return exit.With(exit.Interrupted, nil)
	case c.socket == "":
		if e, ok := errors.AsType[*url.Error](err); ok {
			err = e.Err
		}
		return exit.With(exit.Unreachable, fmt.Errorf("no hub answers at %s: %w", c.base, err))
	case errors.Is(err, context.DeadlineExceeded):
		return exit.With(exit.Timeout, fmt.Errorf("the hub at %s did not answer in time", c.socket))
	case errors.As(err, &dial) && dial.Op == "dial":
		if errors.Is(err, os.ErrPermission) {
			return exit.With(exit.Unreachable, fmt.Errorf("the hub at %s belongs to another user", c.socket))
		}
		return exit.With(exit.Unreachable, &Unreachable{c.socket})
	}
	return exit.With(exit.Unreachable, fmt.Errorf("the hub at %s: %w", c.socket, err))
}
