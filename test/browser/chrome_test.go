package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
)

// browser is a window of Chromium. What its console reports, and each request that leaves the hub, is a fault.
type browser struct {
	context.Context
	t  testing.TB
	at string // the console

	clicks   int // since the window was on the overview
	mu       sync.Mutex
	faults   []string
	expected []string // parts of faults that a test wants
}

// open opens a window on the console of a hub. Without a browser the test is skipped; with HUB_TEST_SERVERS=1 it fails.
func open(t testing.TB, console string) *browser {
	t.Helper()
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if found, err := exec.LookPath(name); err == nil && path == "" {
			path = found
		}
	}
	switch {
	case path == "" && os.Getenv("HUB_TEST_SERVERS") == "1":
		t.Fatal("there is no Chromium")
	case path == "":
		t.Skip("there is no Chromium: apt-get install chromium")
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1280, 900))
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	b := &browser{t: t, at: console}
	b.Context, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.hear))
	t.Cleanup(cancel)
	b.do(command(network.Enable, network.EnableParams{}), command(log.Enable, cdp.Empty{}))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, f := range b.faults {
			if !slices.ContainsFunc(b.expected, func(part string) bool { return strings.Contains(f, part) }) {
				t.Error("the browser reports: " + f)
			}
		}
	})
	return b
}

// hear notes what is wrong: errors and warnings of the console, exceptions, what the policy (CSP) blocks, and requests elsewhere.
func (b *browser) hear(event any) {
	fault := ""
	switch e := event.(type) {
	case *log.EventEntryAdded:
		if e.Entry.Level == log.EntryLevelError || e.Entry.Level == log.EntryLevelWarning {
			fault = fmt.Sprintf("%s: %s %s", e.Entry.Level, e.Entry.Text, e.Entry.URL)
		}
	case *runtime.EventExceptionThrown:
		fault = "exception: " + fmt.Sprint(e.ExceptionDetails.Text, " ", e.ExceptionDetails.URL)
	case *runtime.EventConsoleAPICalled:
		fault = "console: " + string(e.Type)
	case *network.EventRequestWillBeSent:
		if u := e.Request.URL; !strings.HasPrefix(u, b.at) && !strings.HasPrefix(u, "data:") {
			fault = "a request elsewhere: " + u
		}
	}
	if fault != "" {
		b.mu.Lock()
		b.faults = append(b.faults, fault)
		b.mu.Unlock()
	}
}

// command is a command of the DevTools protocol.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

const patience = time.Minute // of a machine that others use too

// do does something in the window.
func (b *browser) do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	for _, step := range steps {
		got(b, step)
	}
}

// got does something in the window that gives a value.
func got[T any](b *browser, step chromedp.Action[T]) T {
	b.t.Helper()
	if chromedp.FromContext(b.Context).Target == nil { // the first step starts the browser, which lives as long as its context
		if err := chromedp.Do(b); err != nil {
			b.t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(b, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, step)
	if err != nil {
		b.t.Fatalf("%v, at %s", err, b.text())
	}
	return v
}

// text is where the window is, and what it shows.
func (b *browser) text() string {
	ctx, cancel := context.WithTimeout(b, patience)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`location.href + "\n" + document.body.innerText`))
	return fmt.Sprintf("%.3000s %v", text, err)
}

// visit goes to a page of the console.
func (b *browser) visit(path string) {
	b.t.Helper()
	b.do(chromedp.Navigate(b.at + path))
}

// sees waits until the page has the texts.
func (b *browser) sees(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		b.soon(text+" is shown", fmt.Sprintf(`document.body.innerText.includes(%q)`, text))
	}
}

// soon waits until an expression of JavaScript holds.
func (b *browser) soon(what, expression string) {
	b.t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		holds, err := chromedp.Run(b, chromedp.Evaluate[bool](expression))
		if err == nil && holds {
			return
		}
		if time.Now().After(end) {
			b.t.Fatalf("not within %v: %s (%v)\n%s", patience, what, err, b.text())
		}
	}
}

// click follows the first link, or presses the first button, that has the text.
func (b *browser) click(text string) {
	b.t.Helper()
	b.clickIn("main", "", text)
}

// clickIn is click within the first elements that a selector of CSS finds and that have a text.
func (b *browser) clickIn(within, having, text string) {
	b.t.Helper()
	b.clicks++
	b.soon("a click on "+text, fmt.Sprintf(`(() => {
		const place = [...document.querySelectorAll(%q)].find((e) => e.textContent.includes(%q));
		const found = place && [...place.querySelectorAll("a, button")].find((e) => e.textContent.includes(%q));
		if (found) found.click();
		return found !== undefined;
	})()`, within, having, text))
}

// begin goes to the overview, from which clicks are counted.
func (b *browser) begin() {
	b.t.Helper()
	b.visit("/")
	b.clicks = 0
}

// search looks for something in the field that is on every page.
func (b *browser) search(text string) {
	b.t.Helper()
	b.soon("the search", fmt.Sprintf(`(() => {
		const field = document.getElementById("q");
		if (field) { field.value = %q; field.form.requestSubmit(); }
		return field !== null;
	})()`, text))
	b.soon("what was looked for", `location.pathname !== "/"`)
}

// fill writes into a field of the form.
func (b *browser) fill(name, value string) {
	b.t.Helper()
	b.do(chromedp.SetValue(fmt.Sprintf(`//main//*[@name=%q]`, name), value))
}

// press presses keys, none of which writes anything: chromedp sends what a key writes even where the page has used the key.
func (b *browser) press(keys ...string) {
	b.soon("the scripts", `document.documentElement.classList.contains("with-js")`)
	for _, key := range keys {
		b.do(chromedp.Evaluate[chromedp.Void](fmt.Sprintf(`document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key: %q, bubbles: true}))`, key)))
	}
}

// tabTo goes on with the key Tab until the text is on what has the focus, or on its label.
func (b *browser) tabTo(text string) {
	b.t.Helper()
	for range 200 {
		b.do(chromedp.KeyEvent("\t"))
		if got(b, chromedp.Evaluate[bool](fmt.Sprintf(`((e) => [e, ...(e.labels ?? [])].some((x) => x.textContent.includes(%q)))(document.activeElement)`, text))) {
			return
		}
	}
	b.t.Fatalf("no Tab leads to %s: %s", text, b.text())
}

// withoutScripts turns JavaScript off for the pages that follow.
func (b *browser) withoutScripts() {
	b.do(command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// looks sets how the pages look: dark or light, and how wide the window is.
func (b *browser) looks(scheme string, width int64) {
	b.do(command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		chromedp.EmulateViewport(width, 900))
}
