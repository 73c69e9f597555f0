package locale

import (
	"fmt"
	"html/template"
	"regexp"
	"strings"
	"time"
	"unicode"

	"orderhub/hub/doc"
)

// amount is written in each language as it writes an amount.
const amount = "€1,234.56"

// amountForm finds what stands before, between and behind the digits of amount.
var amountForm = regexp.MustCompile(`^([^\d]*)1([^\d]*)234([^\d]+)56([^\d]*)$`)

// symbols are the currencies (ISO 4217) that readers know by a sign.
var symbols = map[string]string{"EUR": "€", "USD": "$", "GBP": "£"}

// Money writes a number exactly, with two decimals: {{money .total}} is 1,234.50, {{money .total "EUR"}} €1,234.50, in German 1.234,50 €.
func (l *Language) Money(v any, currency ...any) (string, error) {
	d, err := doc.ParseDecimal(plain(v))
	if err != nil {
		return "", fmt.Errorf("money: %q is no number", plain(v))
	}
	form := amountForm.FindStringSubmatch(l.Say(amount))
	text, negative := strings.CutPrefix(d.Round(2).String(), "-")
	whole, part, _ := strings.Cut(text, ".")
	for at := len(whole) - 3; at > 0; at -= 3 {
		whole = whole[:at] + form[2] + whole[at:]
	}
	text = whole + form[3] + (part + "00")[:2]
	if len(currency) > 0 {
		sign := plain(currency[0])
		if known := symbols[sign]; known != "" {
			sign = known
		} else if form[1] != "" && strings.IndexFunc(sign, unicode.IsLetter) >= 0 {
			sign += "\u00a0" // a code of letters stands apart
		}
		text = strings.ReplaceAll(form[1], "€", sign) + text + strings.ReplaceAll(form[4], "€", sign)
	}
	if negative {
		text = "-" + text
	}
	return text, nil
}

// Layouts of package time, whose words are each language's own, too.
const (
	day   = "2 January 2006"
	short = "2 January"
	clock = "15:04"
)

// own are the texts of this package.
var own = []string{amount, day, short, clock, "%s, %s",
	"just now", "1 minute ago", "%d minutes ago", "1 hour ago", "%d hours ago", "in 1 minute", "in %d minutes", "in 1 hour", "in %d hours",
	"today at %s", "yesterday at %s", "tomorrow at %s", "%s at %s",
	"January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
	"Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"}

// format writes t by a layout of package time, in the words of the language.
func (l *Language) format(t time.Time, layout string) string {
	month := t.Month().String()
	return strings.Replace(t.Format(l.Say(layout)), month, l.Say(month), 1)
}

// Date writes a time or a day: {{date .placed}} is 2 January 2006, {{date .placed "2006-01-02"}} has Go's layout.
func (l *Language) Date(v any, layout ...string) (string, error) {
	t, err := timeOf(v)
	if err != nil {
		return "", fmt.Errorf("date: %w", err)
	}
	return l.format(t, append(layout, day)[0]), nil
}

func timeOf(v any) (t time.Time, err error) {
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err = time.Parse(layout, plain(v)); err == nil {
			return t, nil
		}
	}
	return t, fmt.Errorf("%q is no time such as 2026-01-31T12:00:00Z", plain(v))
}

// When writes a time as people say it, seen from now, with the exact one on hover: {{when .since $.now}}. Clocks are those of the zone of
// now.
func (l *Language) When(v, now any) (template.HTML, error) {
	t, err := timeOf(v)
	if err != nil {
		return "", fmt.Errorf("when: %w", err)
	}
	seen, err := timeOf(now)
	if err != nil {
		return "", fmt.Errorf("when: now: %w", err)
	}
	t = t.In(seen.Location())
	exact := l.Say("%s, %s", l.format(t, day), t.Format("15:04:05 MST"))
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s">%s</time>`, t.Format(time.RFC3339), template.HTMLEscapeString(exact),
		template.HTMLEscapeString(l.said(t, seen)))), nil
}

// said is how people say t at the time now.
func (l *Language) said(t, now time.Time) string {
	in, ago, past := "in ", "", now.Sub(t)
	if past >= 0 {
		in, ago = "", " ago"
	}
	count := func(n int, unit string) string {
		if n == 1 {
			return l.Say(in + "1 " + unit + ago)
		}
		return l.Say(in+"%d "+unit+"s"+ago, n)
	}
	days := int(midnight(now).Sub(midnight(t)).Hours() / 24)
	at := l.format(t, clock)
	switch abs := past.Abs(); {
	case abs < time.Minute:
		return l.Say("just now")
	case abs < time.Hour:
		return count(int(abs.Minutes()), "minute")
	case abs < 6*time.Hour:
		return count(int(abs.Hours()), "hour")
	case days == 0:
		return l.Say("today at %s", at)
	case days == 1:
		return l.Say("yesterday at %s", at)
	case days == -1:
		return l.Say("tomorrow at %s", at)
	case days > -7 && days < 7:
		return l.Say("%s at %s", l.Say(t.Weekday().String()), at)
	case t.Year() == now.Year():
		return l.format(t, short)
	}
	return l.format(t, day)
}

// midnight is the day of t, as days are counted: each has 24 hours.
func midnight(t time.Time) time.Time {
	y, m, d := t.Date()
	return time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
}
