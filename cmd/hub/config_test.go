package main

import (
	"html"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub/hubtest"
)

// TestConsoleConfiguration: what runs, what the file would change, what is wrong in it and where, and what ran before; a reload and a roll back show what they
// change before they do it, and a bad file leaves what runs alone.
func TestConsoleConfiguration(t *testing.T) {
	s := newSite(t, shop)
	s.start()
	first := asked[*api.Config](s, "config", "show").Revision
	page := func(status int, method, path string, parts ...string) string {
		t.Helper()
		form := url.Values{"by": {"ann"}, "why": {"orders are lost"}}
		got, _, body := s.page(method, path, form)
		body = html.UnescapeString(body)
		if method == "GET" { // a page is shown for a moment as it was
			hubtest.Until(t, path+" as it is now", func() bool {
				got, _, body = s.page(method, path, form)
				body = html.UnescapeString(body)
				return !slices.ContainsFunc(parts, func(part string) bool { return !strings.Contains(body, part) })
			})
		}
		if got != status {
			t.Errorf("%s: %d, expected %d", path, got, status)
		}
		has(t, body, parts...)
		return body
	}
	page(200, "GET", "/config", first, "the file is the same")
	other := strings.Replace(shop, "body.total > 0", "body.total > 10", 1)
	s.write(other)
	page(200, "GET", "/config", "the file is another one", "body.total > 10", "- ", "+ ")
	page(200, "GET", "/reload", "What it changes", "body.total > 10")
	has(t, s.hub(0, "config", "diff"), "-      - validate: [{rule: body.total > 0", "+      - validate: [{rule: body.total > 10")
	page(200, "POST", "/reload", first+" -> ")
	second := asked[*api.Config](s, "config", "show").Revision
	s.write(strings.Replace(shop, "- send: orders", "- send: ordres", 1))
	page(200, "GET", "/config", "the file has a fault", "pipelines.yaml:", `did you mean "orders"`, "The configuration that runs stays")
	page(409, "GET", "/reload", `role="alert"`, "pipelines.yaml:")
	page(409, "POST", "/reload", "ordres")
	has(t, s.hub(1, "config", "diff"), `did you mean "orders"`)
	if now := asked[*api.Config](s, "config", "show").Revision; now != second {
		t.Errorf("%s runs, expected %s", now, second)
	}
	page(200, "GET", "/config?revision="+first, "Roll back to it", "What a roll back changes", "body.total > 0")
	page(404, "GET", "/config?revision=nope", "hub config history lists them")
	page(200, "GET", "/rollback?revision="+first, "Roll back to "+first, "+      - validate: [{rule: body.total > 0", "hub config rollback "+first)
	page(200, "POST", "/rollback?revision="+first, second+" -> "+first)
	if text, err := os.ReadFile(s.config); err != nil || strings.Contains(string(text), "ordres") || !strings.Contains(string(text), "body.total > 0") {
		t.Errorf("the file is not rolled back: %v\n%s", err, text)
	}
	runs := asked[[]api.ConfigRun](s, "config", "history")
	if len(runs) != 3 || runs[0].Revision != first || runs[0].Runs != 2 || runs[1].Revision != second || runs[2].Runs != 0 {
		t.Errorf("what ran, and what stood in the file and never ran: %+v", runs)
	}
	has(t, s.hub(0, "config", "show", "--revision", runs[2].Revision), "send: ordres")
	has(t, s.hub(1, "config", "rollback", runs[2].Revision, "--why", "a try"), "error", "keeps running")
	if text, _ := os.ReadFile(s.config); strings.Contains(string(text), "ordres") {
		t.Error("a roll back that is refused leaves its file")
	}
	has(t, s.hub(0, "audit"), "roll back", "orders are lost", "reload")
	s.stop()
	s.start()
	if runs = asked[[]api.ConfigRun](s, "config", "history"); runs[0].Runs != 3 {
		t.Errorf("a start is not noted: %+v", runs[0])
	}
}

// TestConfigurationSecrets: of a configuration with the value of a secret in its text, the text is not kept; one with a reference is.
func TestConfigurationSecrets(t *testing.T) {
	s := newSite(t, strings.Replace(shop, "adapters:\n", "adapters:\n  ledger: {type: http-client, url: \"http://10.0.0.1:1\", bearer: opensesame99, ops: {book: POST /book}}\n", 1))
	s.start()
	revision := asked[*api.Config](s, "config", "show").Revision
	has(t, s.hub(0, "config", "history"), "a secret stands in it")
	t.Setenv("HUB_SECRET_LEDGER", "opensesame99")
	s.write(strings.Replace(shop, "adapters:\n", "adapters:\n  ledger: {type: http-client, url: \"http://10.0.0.1:1\", bearer: secret:ledger, ops: {book: POST /book}}\n", 1))
	s.hub(0, "reload")
	has(t, s.hub(1, "config", "rollback", revision, "--why", "x"), "the text of "+revision+" is not kept")
	has(t, s.hub(0, "config", "show"), "bearer: secret:ledger")
	for _, run := range asked[[]api.ConfigRun](s, "config", "history") {
		if run.Withheld != (run.Revision == revision) {
			t.Errorf("%+v", run)
		}
	}
}
