package main

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"orderhub/hub/hubtest"
)

var hidden = regexp.MustCompile(`<input type="hidden" name="(\w+)" value="([^"]*)">`)

// changes fills in a form that first tells what it would do, has it told, and does it with what is added. It gives the page that tells, and the one behind it.
func (s *site) changes(path string, form url.Values, more ...string) (told, done string) {
	s.t.Helper()
	status, _, told := s.page("POST", path, form)
	if status != 200 {
		s.t.Fatalf("%s: %d\n%s", path, status, told)
	}
	for _, m := range hidden.FindAllStringSubmatch(told, -1) {
		form.Set(m[1], html.UnescapeString(m[2]))
	}
	for i := 0; i < len(more); i += 2 {
		form.Set(more[i], more[i+1])
	}
	_, _, done = s.page("POST", path, form)
	return html.UnescapeString(told), html.UnescapeString(done)
}

// TestConsoleChannels: messages are moved and deleted in two steps: the form tells how many are meant before it does anything, and does it with what it told of.
func TestConsoleChannels(t *testing.T) {
	s := newSite(t, strings.Replace(shop, "channels:\n", "channels:\n  shelf: {type: direct}\n", 1))
	s.start()
	s.hub(0, "pause", "work")
	for _, body := range []string{`{"id": "W-1", "total": 1}`, `{"id": "W-2", "total": 2}`, `{"id": "W-3", "total": 3}`} {
		s.post("/orders", body)
	}
	hubtest.Until(t, "three orders wait", func() bool { return s.channel("orders").Ready == 3 })
	form := func() url.Values {
		return url.Values{"by": {"ann"}, "why": {"stocktaking"}, "to": {"shelf"}, "match": {"body.total > 1"}}
	}
	_, _, body := s.page("GET", "/transfer?name=orders", nil)
	has(t, body, "See what it would do", "hub channel move orders --all")
	slip := form()
	slip.Set("to", "shelv")
	_, _, body = s.page("POST", "/transfer?name=orders", slip)
	has(t, html.UnescapeString(body), `Did you mean "shelf"?`, `value="shelv"`)
	bad := form()
	bad.Set("match", "body.total >")
	status, _, body := s.page("POST", "/transfer?name=orders", bad) // nothing is done
	if has(t, body, `role="alert"`); status != 400 {
		t.Errorf("a condition that can't be read: %d", status)
	}
	told, done := s.changes("/transfer?name=orders", form())
	has(t, told, "2 messages", "shelf: 2", "--to shelf --match 'body.total > 1'")
	has(t, done, "2 messages moved to shelf.")
	if n := s.channel("shelf").Ready; n != 2 {
		t.Errorf("%d messages lie on the shelf", n)
	}
	again := form()
	told, _ = s.changes("/transfer?name=orders", url.Values{"by": {"ann"}, "to": {"shelf"}})
	sure := hidden.FindStringSubmatch(told)
	again.Set("sure", sure[2])
	if _, _, body = s.page("POST", "/transfer?name=shelf", again); !strings.Contains(body, "Move 2 messages") || s.channel("shelf").Ready != 3 {
		t.Errorf("what was told of something else moved messages\n%s", body)
	}
	told, done = s.changes("/purge?name=shelf", url.Values{"by": {"ann"}, "why": {"stocktaking"}}, "typed", "self")
	has(t, told, "Delete 3 messages", "Type the channel")
	if has(t, done, "Nothing was deleted."); s.channel("shelf").Ready != 3 {
		t.Error("a slip of the channel's name deleted messages")
	}
	_, done = s.changes("/purge?name=shelf", url.Values{"by": {"ann"}, "why": {"stocktaking"}}, "typed", "shelf")
	if has(t, done, "3 messages deleted."); s.channel("shelf").Ready != 0 {
		t.Error("the shelf is not empty")
	}
	status, _, body = s.page("POST", "/purge?name=shelf", url.Values{"by": {"ann"}, "why": {"stocktaking"}})
	if has(t, body, "No message of shelf is meant"); status != 404 {
		t.Errorf("nothing to delete: %d", status)
	}
	has(t, s.hub(0, "audit"), "move messages", "purge", "stocktaking")
}

// TestConsoleData: data of an order are changed, held to their schema, when the form has shown what that changes; and an operation is called by hand, once.
func TestConsoleData(t *testing.T) {
	s, _ := newDesk(t, desk)
	s.hub(0, "send", "intake", `{"id": "W-1", "total": 500, "card": "tok_1"}`, "--wait")
	form := url.Values{"by": {"ann"}, "why": {"the customer called"}, "set": {"total=450\nnote=ring twice"}}
	has(t, s.hub(0, "process", "set", "W-1", "total=450", "--dry-run"), "- total: 500", "+ total: 450")
	told, done := s.changes("/set?id=order/W-1", form)
	has(t, told, "What it changes", "- total: 500", "+ total: 450", `+ note: "ring twice"`, "hub process set order/W-1 total=450 'note=ring twice'")
	has(t, done, "W-1 is in review.")
	has(t, s.hub(0, "process", "show", "W-1", "--data"), `"total":450`, "ring twice")
	status, _, body := s.page("POST", "/set?id=order/W-1", url.Values{"by": {"ann"}, "why": {"x"}, "set": {"total=many"}})
	if has(t, body, `role="alert"`, "total"); status == 200 {
		t.Errorf("what does not fit the schema: %d\n%s", status, body)
	}
	status, _, body = s.page("POST", "/set?id=order/W-1", url.Values{"by": {"ann"}, "why": {"x"}, "set": {"total"}})
	if has(t, body, "write PATH=VALUE"); status != 400 {
		t.Errorf("no value: %d", status)
	}
	call := url.Values{"by": {"ann"}, "why": {"goodwill"}, "operation": {"billing.refund"}, "body": {`{"amount": 5}`}}
	told, done = s.changes("/call?id=order/W-1", call)
	has(t, told, "<option selected>billing.refund</option>", "Asks", `{"amount": 5}`)
	has(t, done, "billing.refund answered 200")
	_, done = s.changes("/call?id=order/W-1", url.Values{"by": {"ann"}, "why": {"goodwill"}, "operation": {"billing.refund"}, "body": {`{"amount":5}`}})
	has(t, done, "was called before")
	has(t, s.hub(0, "audit"), "goodwill", "the customer called")
}
