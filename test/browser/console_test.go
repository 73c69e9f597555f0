package browser

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// hostile is what somebody writes who hopes that a page takes it for code.
const hostile = `<script>document.title='owned'</script>"'><img src=x onerror="document.title='owned'">`

// kinds are the pages that there are, by their path.
var kinds = strings.Fields(`/ /pipelines /messages /errors /refusals /processes /tasks /channels /tables /adapters /alerts /system
	/pipeline /message /bodies /error /dead /refusal /process /instance /data /task /channel /table
	/config /try /resume /replay /drop /retry /cancel /move /claim /hand-over /answer /silence /reload /transfer /purge /set /call`)

// TestPages: all pages, empty and full, light and dark, on a desk and on a telephone: the browser reports nothing, axe-core finds nothing, no page is
// larger than 60 kB, and none scrolls sideways.
func TestPages(t *testing.T) {
	axe := withAxe(t)
	for _, rows := range []int{0, 200} {
		t.Run(fmt.Sprint(rows, " rows"), func(t *testing.T) {
			s := newSite(t)
			if rows > 0 {
				s.fill(rows)
			}
			b := open(t, s.console)
			found := map[string]bool{}
			for _, page := range s.pages() {
				kind, _, _ := strings.Cut(page, "?")
				found[kind] = true
				if body := s.get(page); len(body) > 60_000 {
					t.Errorf("%s has %d bytes", page, len(body))
				}
				for _, look := range looks {
					b.looks(look.scheme, look.width)
					b.visit(page)
					if got(b, chromedp.Title()) == "" || got(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth`)) {
						t.Errorf("%s, %s, has no title or is wider than its window", page, look.name)
					}
					if found := b.violations(axe); found != "" {
						t.Errorf("%s, %s:\n%s", page, look.name, found)
					}
				}
			}
			for _, kind := range kinds {
				if rows > 0 && !found[kind] {
					t.Errorf("no link leads to %s", kind)
				}
			}
		})
	}
}

// shows are the pages that must show what somebody wrote, as text.
var shows = strings.Fields("/messages /message /bodies /error /dead /refusals /refusal /process /instance /data /tasks /task /table /alerts /pipeline /system /hand-over")

// TestHostile: what a customer, a partner or a colleague wrote is text on every page, as is what stands in an address; none of it works as code.
func TestHostile(t *testing.T) {
	s := newSite(t)
	s.text = hostile
	s.fill(1)
	b := open(t, s.console)
	b.looks("light", 375)
	for _, page := range s.pages() {
		b.visit(page)
		if title := got(b, chromedp.Title()); title == "owned" {
			t.Errorf("%s ran what somebody wrote", page)
		}
		if got(b, chromedp.Evaluate[bool](`document.documentElement.scrollWidth > innerWidth || document.querySelectorAll("main img, main script").length > 0`)) {
			t.Errorf("%s is wider than a telephone, or has what somebody else wrote as code", page)
		}
		kind, asked, _ := strings.Cut(page, "?")
		if slices.Contains(shows, kind) && !strings.Contains(b.text(), "<script>document.title='owned'<") { // the rest of it is escaped in a JSON pointer
			t.Errorf("%s does not show what somebody wrote: %s", page, b.text())
		}
		query, err := url.ParseQuery(asked)
		if err != nil {
			t.Fatal(err)
		}
		for name := range query {
			query.Set(name, hostile)
		}
		for _, name := range strings.Fields("q match since before after on who act source reason state stuck older group") {
			query.Set(name, hostile)
		}
		if answer := s.get(kind + "?" + query.Encode()); strings.Contains(answer, "<img src=x") || strings.Contains(answer, "<script>document") {
			t.Errorf("%s shows what stands in its address as code", kind)
		}
	}
}

// TestOutage: an outage is on an overview that is open within a second, without a reload; its end too.
func TestOutage(t *testing.T) {
	s := newSite(t)
	b := open(t, s.console)
	b.visit("/")
	b.sees("Nothing fails")
	b.do(chromedp.Evaluate[chromedp.Void](`window.same = true`))
	s.away.Store(true)
	s.post("/orders", order{ID: "W-1", Email: "ann@example.com", Total: 20})
	s.until("the hub knows of it", func() bool {
		return strings.Contains(s.get("/alerts"), "work") || strings.Contains(s.get("/channels"), "503")
	})
	began := time.Now()
	b.sees("adapter billing")
	t.Logf("shown %v after the hub knew of it", time.Since(began))
	s.away.Store(false)
	b.soon("the end of the outage", `!document.body.innerText.includes("adapter billing")`)
	if !got(b, chromedp.Evaluate[bool](`window.same === true`)) {
		t.Error("the page was loaded again")
	}
}

// TestErrorToReplay: from the overview in three clicks to what failed, what a replay would do, and the replay; with and without scripts.
func TestErrorToReplay(t *testing.T) {
	for _, scripts := range []bool{true, false} {
		t.Run(fmt.Sprint("scripts ", scripts), func(t *testing.T) {
			s := newSite(t)
			for i := range 3 {
				s.post("/orders", order{ID: fmt.Sprint("W-", i), Email: "ann@example.com", Total: 13})
			}
			s.until("three dead letters", func() bool { return strings.Contains(s.get("/errors"), `<td class="num">3</td>`) })
			b := open(t, s.console)
			if !scripts {
				b.withoutScripts()
			}
			b.visit("/")
			b.click("3 dead letters")
			b.sees("nobody pays 13")
			b.click("Preview a replay")
			b.sees("Replay 3 dead letters", "still fail", "hub replay --group")
			b.fill("by", "ann")
			b.fill("why", "the price was mended")
			b.click("Replay 3 messages")
			b.sees("3 dead letters replayed, 0 left.")
			b.visit("/system")
			b.sees("ann", "replay", "the price was mended")
		})
	}
}

// TestBodies: what each step changed is shown to whoever asks for it, masked, and that is recorded.
func TestBodies(t *testing.T) {
	s := newSite(t)
	s.post("/orders", order{ID: "W-1", Email: "ann@example.com", Total: 13})
	s.until("the order has failed", func() bool { return strings.Contains(s.get("/message?id=W-1"), "dead letter") })
	b := open(t, s.console)
	b.visit("/message?id=W-1")
	b.click("What each step changed")
	b.sees("is in the audit log", `total: 13`, "hub trace W-1 --bodies")
	if strings.Contains(b.text(), `email: "ann`) {
		t.Error("the address is not masked")
	}
	b.visit("/system")
	b.sees("view", "console")
}

// TestTask: a person answers a task in the form that the configuration declares; what does not fit is said, and nothing that was written is lost.
func TestTask(t *testing.T) {
	s := newSite(t)
	s.post("/parcels", order{ID: "P-1", Email: "ann@example.com", Total: 7})
	s.until("the task is there", func() bool { return strings.Contains(s.get("/tasks"), "P-1") })
	b := open(t, s.console)
	b.visit("/tasks")
	b.click("P-1")
	b.sees("order-desk", "What to decide about")
	b.click("Answer")
	b.fill("answer.approve", "true")
	b.fill("answer.carrier", "dhl")
	b.fill("answer.note", "looked at it")
	b.fill("by", "ben")
	b.do(chromedp.Evaluate[chromedp.Void](`document.querySelector("main form.act button").click()`))
	b.sees("Answered: ")
	b.visit("/instance?id=parcel/P-1")
	b.sees("packed", "checking", "goto refused")
	b.click("Tell of an event")
	b.fill("event", "picked_up")
	b.click("Tell it")
	b.sees("parcel v1 · sent ended")
}

// TestKeys: the pages are reached, and the search is used, by keys alone.
func TestKeys(t *testing.T) {
	s := newSite(t)
	s.post("/orders", order{ID: "W-7", Email: "ann@example.com", Total: 20})
	s.until("the order is paid", func() bool { return s.charged.Load() == 1 })
	b := open(t, s.console)
	b.visit("/")
	b.press("g", "p")
	b.soon("the pipelines", `location.pathname === "/pipelines"`)
	b.press("?")
	b.sees("this list")
	if found := b.violations(withAxe(t)); found != "" {
		t.Error(found)
	}
	b.do(chromedp.KeyEvent("\x1b"))
	b.press("/")
	b.do(chromedp.KeyEvent("W-7"), chromedp.KeyEvent("\r"))
	b.soon("the order", `location.pathname === "/message" && location.search === "?id=W-7"`)
	b.sees("W-7", "called billing.charge")
}

// TestKeyboardAlone: what failed is looked at and replayed without a mouse, and without the keys that scripts make.
func TestKeyboardAlone(t *testing.T) {
	s := newSite(t)
	s.post("/orders", order{ID: "W-1", Email: "ann@example.com", Total: 13})
	s.until("a dead letter", func() bool { return strings.Contains(s.get("/"), "1 dead letter") })
	b := open(t, s.console)
	b.withoutScripts()
	b.visit("/")
	b.tabTo("Skip to the page")
	b.do(chromedp.KeyEvent("\r"))
	b.tabTo("Preview a replay")
	b.do(chromedp.KeyEvent("\r"))
	b.sees("Replay 1 dead letter", "still fail")
	b.tabTo("Your name")
	b.do(chromedp.KeyEvent("ann"))
	b.tabTo("Reason")
	b.do(chromedp.KeyEvent("the price was mended"))
	b.tabTo("Replay 1 message")
	b.do(chromedp.KeyEvent("\r"))
	b.sees("1 dead letter replayed, 0 left.")
}

var clock = regexp.MustCompile(`<time datetime="[^"]+" title="\d+ \w+ \d{4} \d\d:\d\d:\d\d\.\d{3} [^"]+">`)

// TestTimes: a time is as people say it, and has the exact one.
func TestTimes(t *testing.T) {
	s := newSite(t)
	if res, err := http.Get(s.console + "/system"); err != nil || res.StatusCode != 200 {
		t.Fatal(err, res)
	}
	if page := s.get("/system"); !clock.MatchString(page) || !strings.Contains(page, "just now") {
		t.Error("the page has no time")
	}
}
