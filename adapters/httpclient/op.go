package httpclient

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"orderhub/hub"
)

// op is one operation of the service.
type op struct {
	name    string
	method  string
	path    string // with {params}
	params  []string
	expect  []statuses
	success []condition
	timeout time.Duration // 0: the adapter's

	ambiguous hub.OnAmbiguous // "": the service knows a repeat by its Idempotency-Key

	described *description // by an OpenAPI file; nil: it is not
	fields    []field      // of its query, if it is described
}

// field is one field of the body that travels in the query.
type field struct {
	name     string
	required bool
}

// statuses is a range of HTTP statuses.
type statuses struct{ from, to int }

// condition is a field of the answer and its only good value.
type condition struct {
	path []string
	want string // as text
}

func (o *op) expects(status int) bool {
	return slices.ContainsFunc(o.expect, func(s statuses) bool { return status >= s.from && status <= s.to })
}

// expected are the answers that count as good, with what a description says of them.
func (o *op) expected() (out []hub.Expected) {
	for _, s := range o.expect {
		status := strconv.Itoa(s.from)
		if s.to > s.from {
			status = strconv.Itoa(s.from/100) + "xx"
		}
		out = append(out, hub.Expected{Status: status, Schema: o.described.reply(status)})
	}
	return out
}

// query tells whether fields travel in the URL and no body is sent.
func (o *op) query() bool { return o.method == "GET" || o.method == "HEAD" || o.method == "DELETE" }

// lineOp is the operation of a bare "POST /path".
func lineOp(name, line string) (*op, error) {
	method, path, params, err := parseLine(line)
	if err != nil {
		return nil, fmt.Errorf("op %q: %w", name, err)
	}
	return &op{name: name, method: method, path: path, params: params, expect: []statuses{{200, 299}}}, nil
}

// parseOp reads an entry of `ops:`. On an error, path is the YAML path of the fault.
func parseOp(name string, v any) (o *op, path string, err error) {
	path = "ops." + name
	if line, ok := v.(string); ok {
		o, err = lineOp(name, line)
		return o, path, err
	}
	m, ok := v.(map[string]any)
	if !ok {
		return nil, path, fmt.Errorf("op %q: neither a text nor a map", name)
	}
	line, _ := m["http"].(string)
	if o, err = lineOp(name, line); err != nil {
		return nil, path + ".http", err
	}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if err := o.set(key, m[key]); err != nil {
			return nil, path + "." + key, fmt.Errorf("op %q: %w", name, err)
		}
	}
	return o, path, nil
}

func (o *op) set(key string, v any) (err error) {
	switch key {
	case "http":
		return nil
	case "expect":
		o.expect, err = parseExpect(v)
	case "timeout":
		text, _ := v.(string)
		o.timeout, err = time.ParseDuration(text)
		if err != nil || o.timeout <= 0 {
			return fmt.Errorf("timeout: %v is no time such as 5s", v)
		}
	case "on_ambiguous":
		text, _ := v.(string)
		if o.ambiguous = hub.OnAmbiguous(text); o.ambiguous != hub.RetryAmbiguous && o.ambiguous != hub.ParkAmbiguous {
			return fmt.Errorf("on_ambiguous: %v is neither retry nor park", v)
		}
	case "success_if":
		o.success, err = parseSuccess(v)
	default:
		return fmt.Errorf("unknown field %q; there are http, expect, reply, check, success_if, on_ambiguous and timeout", key)
	}
	return err
}

func parseExpect(v any) (out []statuses, err error) {
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	for _, item := range list {
		text := fmt.Sprint(item)
		if class, ok := strings.CutSuffix(text, "xx"); ok && len(class) == 1 && class >= "1" && class <= "5" {
			n := int(class[0]-'0') * 100
			out = append(out, statuses{n, n + 99})
			continue
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 200 || n > 599 {
			return nil, fmt.Errorf("expect: %s is no status such as 200 or 2xx", text)
		}
		out = append(out, statuses{n, n})
	}
	if len(out) == 0 {
		return nil, fmt.Errorf("expect: the list is empty")
	}
	return out, nil
}

func parseSuccess(v any) (out []condition, err error) {
	m, ok := v.(map[string]any)
	if !ok || len(m) == 0 {
		return nil, fmt.Errorf("success_if: write fields of the answer and what they must be, such as {ok: true}")
	}
	for _, field := range slices.Sorted(maps.Keys(m)) {
		switch want := m[field].(type) {
		case string, bool, json.Number, int, float64:
			out = append(out, condition{strings.Split(field, "."), fmt.Sprint(want)})
		default:
			return nil, fmt.Errorf("success_if: %q must be compared with a text, a number or true", field)
		}
	}
	return out, nil
}
