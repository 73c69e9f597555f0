package main

import (
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"orderhub/hub/hubtest"
)

// TestConsoleTry: formulas, steps and whole pipelines are tried on a message that is pasted, or that lies in the store; what is wrong is told with its place, what each step
// does is shown, and nobody is asked or told anything.
func TestConsoleTry(t *testing.T) {
	var charged atomic.Int64
	bank := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { charged.Add(1) }))
	defer bank.Close()
	s := newSite(t, strings.NewReplacer("adapters:\n", "adapters:\n  bank: {type: http-client, url: \""+bank.URL+"\", ops: {charge: POST /charges}}\n",
		"- count:", "- {call: bank.charge, with: {amount: =body.total}, as: charge}\n      - set: {body.charge: =charge.result}\n      - count:").Replace(shop))
	s.start()
	try := func(status int, form url.Values, parts ...string) string {
		t.Helper()
		got, _, body := s.page("POST", "/try", form)
		if body = html.UnescapeString(body); got != status {
			t.Errorf("%v: %d", form, got)
		}
		has(t, body, parts...)
		return body
	}
	_, _, body := s.page("GET", "/try?pipeline=work", nil)
	has(t, body, "<option selected>work</option>")
	try(200, url.Values{"formula": {"=body.total * 2"}, "body": {`{"total": 21}`}}, ">42</pre>", "hub eval '=body.total * 2' --body message.json")
	try(200, url.Values{"formula": {"body.total *"}}, "^")
	try(200, url.Values{"formula": {"body.total.x + 1"}, "body": {`{"total": 21}`}}, `<div class="card bad">`)
	try(400, url.Values{"formula": {"body.total"}, "body": {"{"}}, "the body:", `role="alert"`)
	try(400, url.Values{"body": {"{}"}}, "give one of formula, steps and pipeline")
	try(200, url.Values{"steps": {"- set: {body.total: '=body.total * 2'}\r\n- translate: {id: =body.id, sum: =body.total}"}, "body": {`{"id": "W-1", "total": 21}`}}, `+ sum: 42`)
	try(200, url.Values{"steps": {"- set: {body.total: 1}\r\n- sett: {body.total: 2}"}}, "steps:2:3: error", "- sett: {body.total: 2}", `"set"`)
	good := url.Values{"pipeline": {"intake"}, "body": {`{"id": "W-1", "total": 5}`}}
	try(200, good, "bank.charge is asked, and nobody answers here", `<span class="tag ok">202</span>`)
	good.Set("answers", "bank.charge: {result: approved}")
	body = try(200, good, `+ charge: "approved"`, "orders <b>1</b>", "post: intake", "bank.charge: {result: approved}", "expect: {status: 202}", "hub try intake @message.json")
	if strings.Contains(body, "nobody answers here") {
		t.Error("the answer is not taken")
	}
	good.Set("answers", "bank.chrage: {result: approved}")
	try(200, good, "answers:1:1: error", `"bank.charge"`)
	try(200, url.Values{"pipeline": {"intake"}, "body": {`{"id": "W-2", "total": -5}`}}, "the total is not positive", "It would be a dead letter")
	s.post("/orders", `{"id": "W-3", "total": -1}`)
	hubtest.Until(t, "a dead letter", func() bool {
		_, _, body := s.page("GET", "/errors", nil)
		return strings.Contains(body, `<td class="num">1</td>`)
	})
	_, _, body = s.page("GET", "/errors", nil)
	_, _, body = s.page("GET", regexp.MustCompile(`/error\?group=\w+`).FindString(body), nil)
	seq := regexp.MustCompile(`/dead\?seq=(\d+)`).FindStringSubmatch(body)[1]
	try(200, url.Values{"pipeline": {"work"}, "seq": {seq}}, "the total is not positive", "W-3")
	try(404, url.Values{"pipeline": {"work"}, "seq": {"4711"}}, "no message 4711")
	if status, _, body := s.page("GET", "/dead?seq="+seq, nil); status != 200 || !strings.Contains(body, "/try?seq="+seq+"&amp;pipeline=work") {
		t.Errorf("no way from a dead letter to a try of it: %d", status)
	}
	has(t, s.hub(0, "try", "intake", `{"id": "W-1", "total": 5}`, "--answers", "bank.charge: {result: approved}"), "replies 202", `+ charge: "approved"`, "1 to orders")
	has(t, s.hub(1, "try", "intake", `{"id": "W-1", "total": -5}`), "the total is not positive")
	has(t, s.hub(1, "try", "work", "--seq", seq), "the total is not positive")
	if n := s.channel("orders"); charged.Load() != 0 || n.Ready != 0 || strings.Contains(s.hub(0, "find", "--recent"), "W-1") {
		t.Errorf("a try asked a partner %d times, or left something: %+v", charged.Load(), n)
	}
}
