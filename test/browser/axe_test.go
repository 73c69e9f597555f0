package browser

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
)

// axe is the source of axe-core 4.12.1, which the package of PyPI carries: pip, unlike npm, is there for other tests. It is brought once, and kept.
var axe = sync.OnceValues(func() (string, error) {
	const pkg = "axe-playwright-python==0.1.8"
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(cache, "orderhub-test", pkg)
	if _, err := os.Stat(dir); err != nil {
		if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
			return "", err
		}
		fresh, err := os.MkdirTemp(filepath.Dir(dir), "pip-")
		if err != nil {
			return "", err
		}
		defer os.RemoveAll(fresh)
		if out, err := exec.Command("python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--target", fresh, pkg).CombinedOutput(); err != nil {
			return "", fmt.Errorf("pip: %w: %.300s", err, out)
		}
		if err := os.Rename(fresh, dir); err != nil {
			return "", err
		}
	}
	script, err := os.ReadFile(filepath.Join(dir, "axe_playwright_python", "axe.min.js"))
	return string(script), err
})

// looks are how people look at pages.
var looks = []struct {
	name, scheme string
	width        int64
}{{"light, wide", "light", 1280}, {"dark, on a telephone", "dark", 375}}

// withAxe brings axe-core, or skips the test; with HUB_TEST_SERVERS=1 it fails.
func withAxe(t testing.TB) string {
	t.Helper()
	script, err := axe()
	switch {
	case err != nil && os.Getenv("HUB_TEST_SERVERS") == "1":
		t.Fatal(err)
	case err != nil:
		t.Skip(err)
	}
	return script
}

// violations are where the page does not meet WCAG 2.2 AA, as axe-core sees it: the rule, what is wrong, and up to three elements. Rows of a table are
// alike: eight of each will do.
func (b *browser) violations(axe string) string {
	b.t.Helper()
	b.do(chromedp.Evaluate[chromedp.Void](axe))
	return got(b, chromedp.Evaluate[string](`document.querySelectorAll("tbody tr:nth-child(n+9)").forEach((row) => row.remove()), axe.run(document, {resultTypes: ["violations"], runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}).then((r) =>
		r.violations.map((v) => v.id + ": " + v.help + "\n" + v.nodes.slice(0, 3).map((n) => "    " + n.html + "\n    " + n.failureSummary).join("\n")).join("\n"))`, chromedp.EvalAwaitPromise))
}
