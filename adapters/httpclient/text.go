package httpclient

import (
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxURL = 2 << 10

// parseURL reads the base of all requests.
func parseURL(text string) (*url.URL, error) {
	if len(text) > maxURL {
		return nil, fmt.Errorf("url: bad_url: longer than %d bytes", maxURL)
	}
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, fmt.Errorf("url: bad_url: not well formed")
	case u.User != nil:
		return nil, fmt.Errorf("url: bad_url: it holds a name or password; use basic or bearer")
	case u.Scheme != "http" && u.Scheme != "https":
		return nil, fmt.Errorf("url: bad_url: the scheme %q is neither http nor https", u.Scheme)
	case u.Hostname() == "":
		return nil, fmt.Errorf("url: bad_url: it has no host")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, fmt.Errorf("url: bad_url: it holds a query or a fragment")
	case u.Port() == "25":
		return nil, fmt.Errorf("url: bad_url: port 25 is for mail")
	}
	return u, nil
}

// throttle is a pace; the zero throttle is none.
type throttle struct {
	n   int
	per time.Duration
}

func parseThrottle(text string) (throttle, error) {
	if text == "" {
		return throttle{}, nil
	}
	count, unit, ok := strings.Cut(text, "/")
	n, err := strconv.Atoi(strings.TrimSpace(count))
	per := map[string]time.Duration{"s": time.Second, "m": time.Minute, "h": time.Hour}[strings.TrimSpace(unit)]
	if !ok || err != nil || n < 1 || per == 0 {
		return throttle{}, fmt.Errorf("limits.throttle: %q is no pace", text)
	}
	return throttle{n, per}, nil
}

// breakerRule opens after so many failures in a row, for so long; zero: never.
type breakerRule struct {
	failures uint32
	open     time.Duration
}

func parseBreaker(text string) (breakerRule, error) {
	if text == "" {
		return breakerRule{}, nil
	}
	count, wait, ok := strings.Cut(text, "/")
	n, err := strconv.ParseUint(strings.TrimSpace(count), 10, 16)
	d, err2 := time.ParseDuration(strings.TrimSpace(wait))
	if !ok || err != nil || err2 != nil || n < 1 || d <= 0 {
		return breakerRule{}, fmt.Errorf("limits.circuit_breaker: %q is no rule", text)
	}
	return breakerRule{uint32(n), d}, nil
}

var methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}

// parseLine reads "POST /refunds/{id}".
func parseLine(text string) (method, path string, params []string, err error) {
	method, path, _ = strings.Cut(strings.TrimSpace(text), " ")
	path = strings.TrimSpace(path)
	if !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \t\r\n#") {
		return "", "", nil, fmt.Errorf("%q is no method with a path", text)
	}
	for rest := path; ; {
		_, after, open := strings.Cut(rest, "{")
		if !open {
			if strings.Contains(rest, "}") {
				return "", "", nil, fmt.Errorf("%q has a } without a {", text)
			}
			return method, path, params, nil
		}
		name, left, closed := strings.Cut(after, "}")
		if !closed || name == "" || strings.ContainsAny(name, "{/?") {
			return "", "", nil, fmt.Errorf("%q has a { without a name and a }", text)
		}
		params = append(params, name)
		rest = left
	}
}
