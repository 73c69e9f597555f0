package browser

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// TestScreenshots makes pictures of all pages into the folder HUB_SCREENSHOTS: empty and full, light, dark, and on a telephone. People look at them.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("HUB_SCREENSHOTS")
	if dir == "" {
		t.Skip("make screenshots DIR=/tmp/screenshots")
	}
	for _, rows := range []int{0, 30} {
		s := newSite(t)
		if rows > 0 {
			s.fill(rows)
		}
		b := open(t, s.console)
		state := map[bool]string{true: "empty", false: "full"}[rows == 0]
		for _, look := range []struct {
			name, scheme string
			width        int64
		}{{"light", "light", 1280}, {"dark", "dark", 1280}, {"phone", "light", 375}} {
			b.looks(look.scheme, look.width)
			for _, page := range s.pages() {
				b.visit(page)
				png := got(b, chromedp.FullScreenshot(100))
				kind, _, _ := strings.Cut(page, "?")
				name := cmp.Or(strings.Trim(kind, "/"), "overview")
				if err := os.MkdirAll(dir, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%s-%s-%s.png", name, state, look.name)), png, 0o644); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}
