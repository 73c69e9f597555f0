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

// Op is an entry of `ops:`: a text such as POST /refunds, or a map.
type Op struct {
	HTTP        string            `yaml:"http" required:"true" doc:"Method and path: POST /charges, GET /products/{sku}."`
	Expect      any               `yaml:"expect" doc:"Statuses of good answers, such as 200 or 2xx; left out: 2xx."`
	SuccessIf   map[string]any    `yaml:"success_if" doc:"Fields of a JSON answer and what they must be, such as {ok: true}."`
	Headers     map[string]string `yaml:"headers" doc:"Headers of each request. Those of a step win."`
	Query       map[string]string `yaml:"query" doc:"Query parameters of each request."`
	Params      map[string]Param  `yaml:"params" doc:"Fields of the body that travel outside of it: query, header, cookie or path; or a map of in, name, style, explode and required."`
	Accept      string            `yaml:"accept" doc:"Content types that are asked for; left out: JSON before all others."`
	Idempotency Idempotency       `yaml:"idempotency" doc:"How the key that names a request, the same on every attempt, is sent."`
	Paging      *Paging           `yaml:"paging" doc:"How a long list is read."`
	OnAmbiguous hub.OnAmbiguous   `yaml:"on_ambiguous" oneof:"retry|park" doc:"For a service that takes a repeat for another request: what becomes of one that it may have done. retry: it is tried once more after 30 minutes and then is a dead letter. park: it is one at once."`
	Timeout     time.Duration     `yaml:"timeout" min:"1ms" doc:"Time for a call; left out: the adapter's."`
}

// UnmarshalText reads the short form.
func (o *Op) UnmarshalText(text []byte) error {
	o.HTTP = string(text)
	return nil
}

// op is one operation of the service.
type op struct {
	name    string
	method  string
	path    string // with {params}
	params  []param
	headers map[string]string
	query   map[string]string
	accept  string
	key     Idempotency
	paging  *Paging
	expect  []statuses
	success []condition
	timeout time.Duration // 0: the adapter's

	ambiguous hub.OnAmbiguous // "": the service knows a repeat by its Idempotency-Key

	described *description // by an OpenAPI file; nil: it is not
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

// server is the operation's own address in place of the client's; "": it has none, or url: says where the service is.
func (o *op) server(c *Client) string {
	if o.described == nil || c.cfg.server == "" {
		return ""
	}
	return o.described.server
}

// bodiless tells that no body is sent: what no parameter takes travels in the query.
func (o *op) bodiless() bool { return o.method == "GET" || o.method == "HEAD" || o.method == "DELETE" }

// lineOp is the operation of a bare "POST /path".
func lineOp(name, line string) (*op, error) {
	method, path, names, err := parseLine(line)
	if err != nil {
		return nil, fmt.Errorf("op %q: %w", name, err)
	}
	o := &op{name: name, method: method, path: path, expect: []statuses{{200, 299}}, accept: acceptJSON}
	for _, field := range names {
		o.params = append(o.params, param{field: field, name: field, in: "path", style: "simple", required: true})
	}
	return o, nil
}

// compile makes the operation of an entry; f is its first fault, with its path in the entry.
func (e *Op) compile(name string) (o *op, f *hub.FieldFault) {
	fault := func(path, help string, err error) (*op, *hub.FieldFault) {
		return nil, &hub.FieldFault{Path: path, Message: fmt.Sprintf("op %q: %s", name, strings.TrimPrefix(err.Error(), fmt.Sprintf("op %q: ", name))), Help: help}
	}
	o, err := lineOp(name, e.HTTP)
	if err != nil {
		return fault("http", `write POST /path, or {http: POST /path, expect: [200]}`, err)
	}
	if o.expect, err = parseExpect(e.Expect, o.expect); err != nil {
		return fault("expect", "write statuses such as 200 or 2xx", err)
	}
	if o.success, err = parseSuccess(e.SuccessIf); err != nil {
		return fault("success_if", "write fields of the answer and what they must be, such as {ok: true}", err)
	}
	for _, header := range slices.Sorted(maps.Keys(e.Headers)) {
		if err := checkHeader(header, e.Headers[header]); err != nil {
			return fault("headers."+header, "write a header name, and a value of one line", err)
		}
	}
	for _, field := range slices.Sorted(maps.Keys(e.Params)) {
		if err := o.declare(field, e.Params[field]); err != nil {
			return fault("params."+field, "write query, header, cookie or path, or {in: query, name: …, style: …}", err)
		}
	}
	if err := e.Idempotency.check(); err != nil {
		return fault("idempotency", "write {header: X-Request-Id, form: uuid}", err)
	}
	if err := e.Paging.check(o); err != nil {
		return fault("paging", "write {by: link}, {by: url, next: paging.next}, {by: cursor, next: meta.cursor, param: cursor}, {by: page, param: page} or {by: offset, param: offset}", err)
	}
	o.headers, o.query, o.key, o.paging, o.timeout, o.ambiguous = e.Headers, e.Query, e.Idempotency, e.Paging, e.Timeout, e.OnAmbiguous
	if e.Accept != "" {
		o.accept = e.Accept
	}
	return o, nil
}

func parseExpect(v any, none []statuses) (out []statuses, err error) {
	if v == nil {
		return none, nil
	}
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

func parseSuccess(m map[string]any) (out []condition, err error) {
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
