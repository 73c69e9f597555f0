package locale_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/hub/locale"
)

// languages are those of the shipped pages.
func languages(t *testing.T) locale.Languages {
	t.Helper()
	ls, err := locale.Read(filepath.Join("..", "..", "config", "pages"), nil)
	if err != nil {
		t.Fatal(err)
	}
	return ls
}

func TestChoose(t *testing.T) {
	ls := languages(t)
	for _, c := range []struct{ accept, own, want string }{
		{"", "", "en"},
		{"de", "", "de"},
		{"de-AT, en;q=0.9", "", "de"},
		{"fr, en;q=0.3, DE;q=0.7", "", "de"},
		{"en, de", "", "en"},
		{"de;q=0, en;q=0.1", "", "en"},
		{"de;q=x", "", "en"},
		{"fr", "", "en"},
		{"en", "de-CH", "de"},
		{"de", "fr", "de"},
		{"de", "en", "en"},
		{";;,--,de;q=", "", "en"},
	} {
		if got := ls.Choose(c.accept, c.own).Tag; got != c.want {
			t.Errorf("Accept-Language %q, own %q: %s, want %s", c.accept, c.own, got, c.want)
		}
	}
}

func TestMoney(t *testing.T) {
	ls := languages(t)
	for _, c := range []struct {
		v              any
		currency       string
		english, deHas string
	}{
		{"15.6", "EUR", "€15.60", "15,60\u00a0€"},
		{"1234567.895", "USD", "$1,234,567.90", "1.234.567,90\u00a0$"},
		{"-1000", "GBP", "-£1,000.00", "-1.000,00\u00a0£"},
		{"0.004", "CHF", "CHF\u00a00.00", "0,00\u00a0CHF"},
		{"999", "EUR", "€999.00", "999,00\u00a0€"},
	} {
		for tag, want := range map[string]string{"en": c.english, "de": c.deHas} {
			got, err := ls.Choose(tag).Money(c.v, c.currency)
			if err != nil || got != want {
				t.Errorf("%s: %v %s: %q %v, want %q", tag, c.v, c.currency, got, err, want)
			}
		}
	}
	if got, err := ls.Choose("de").Money("1234.5"); err != nil || got != "1.234,50" {
		t.Errorf("without a currency: %q %v", got, err)
	}
	if _, err := ls[0].Money("abc"); err == nil || !strings.Contains(err.Error(), `"abc" is no number`) {
		t.Errorf("no number: %v", err)
	}
}

func TestWhen(t *testing.T) {
	ls := languages(t)
	const now = "2026-03-18T14:05:00+01:00" // a Wednesday
	for at, want := range map[string][2]string{
		"2026-03-18T14:04:10+01:00":      {"just now", "gerade eben"},
		"2026-03-18T13:03:50Z":           {"1 minute ago", "vor 1 Minute"},
		"2026-03-18T13:20:00+01:00":      {"45 minutes ago", "vor 45 Minuten"},
		"2026-03-18T12:05:00+01:00":      {"2 hours ago", "vor 2 Stunden"},
		"2026-03-18T01:00:00+01:00":      {"today at 01:00", "heute um 01:00 Uhr"},
		"2026-03-16T23:30:00Z":           {"yesterday at 00:30", "gestern um 00:30 Uhr"}, // the day of the reader's zone
		"2026-03-13T09:00:00+01:00":      {"Friday at 09:00", "Freitag um 09:00 Uhr"},
		"2026-03-03T09:00:00+01:00":      {"3 March", "3. März"},
		"2025-05-03T09:00:00+01:00":      {"3 May 2025", "3. Mai 2025"},
		"2026-03-18T15:06:00.123+01:00":  {"in 1 hour", "in 1 Stunde"},
		"2026-03-18T14:10:01+01:00":      {"in 5 minutes", "in 5 Minuten"},
		"2026-03-19T09:00:00+01:00":      {"tomorrow at 09:00", "morgen um 09:00 Uhr"},
		"2026-03-21T09:00:00.5000+01:00": {"Saturday at 09:00", "Samstag um 09:00 Uhr"},
	} {
		for i, tag := range []string{"en", "de"} {
			got, err := ls.Choose(tag).When(at, now)
			if err != nil || !strings.HasSuffix(string(got), ">"+want[i]+"</time>") {
				t.Errorf("%s in %s: %s %v, want %s", at, tag, got, err, want[i])
			}
		}
	}
	if got, err := ls.Choose("de").When("2026-03-03T08:00:07Z", now); err != nil || !strings.HasPrefix(string(got), `<time datetime="2026-03-03T09:00:07+01:00" title="3. März 2026, 09:00:07`) {
		t.Errorf("the exact time: %s %v", got, err)
	}
	if _, err := ls[0].When("soon", now); err == nil || !strings.Contains(err.Error(), `"soon" is no time`) {
		t.Errorf("no time: %v", err)
	}
}

// TestRead: a file of words with a fault is told with what to write.
func TestRead(t *testing.T) {
	good, err := os.ReadFile(filepath.Join("..", "..", "config", "pages", "words.de.json"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string][3]string{ // what is replaced, by what, and the error
		"words are missing":      {`"just now": "gerade eben",`, ``, `words.de.json: there are no words for "just now"`},
		"other places":           {`"vor %d Minuten"`, `"vor Minuten"`, `"%d minutes ago" and "vor Minuten" do not have the same places`},
		"places of another kind": {`"Bestellung %s"`, `"Bestellung %d"`, `do not have the same places`},
		"no text":                {`"gerade eben"`, `1`, `the words for "just now" are no text`},
		"amounts":                {"1.234,56", "viel", `"€1,234.56" are "viel`},
		"no JSON":                {`{`, `{{`, "words.de.json: "},
		"a text of a page":       {"", "", `there are no words for "Nobody said this"`},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "words.de.json"), []byte(strings.Replace(string(good), c[0], c[1], 1)), 0o600); err != nil {
				t.Fatal(err)
			}
			var needed []string
			if name == "a text of a page" {
				needed = []string{"Nobody said this"}
			}
			if _, err := locale.Read(dir, needed); err == nil || !strings.Contains(err.Error(), c[2]) {
				t.Errorf("%v, want %s", err, c[2])
			}
		})
	}
}
