package smtp

import (
	"fmt"
	"strings"
	"time"

	"orderhub/hub/doc"
)

// funcs are the functions of templates.
var funcs = map[string]any{
	"money":   money,
	"date":    date,
	"upper":   func(v any) string { return strings.ToUpper(plain(v)) },
	"lower":   func(v any) string { return strings.ToLower(plain(v)) },
	"default": orElse,
}

func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// money writes a number with two decimals, exactly: {{money .total}}, {{money .total "EUR"}}.
func money(v any, currency ...string) (string, error) {
	d, err := doc.ParseDecimal(plain(v))
	if err != nil {
		return "", fmt.Errorf("money: %q is no number", plain(v))
	}
	text := d.Round(2).String()
	switch scale := d.Round(2).Scale(); {
	case scale <= 0:
		text += ".00"
	case scale == 1:
		text += "0"
	}
	if len(currency) > 0 {
		text += " " + currency[0]
	}
	return text, nil
}

// date writes a time or day: {{date .placed}} is 2 January 2006, {{date .placed "2006-01-02"}} has Go's layout.
func date(v any, layout ...string) (string, error) {
	t, err := time.Parse(time.RFC3339, plain(v))
	if err != nil {
		t, err = time.Parse(time.DateOnly, plain(v))
	}
	if err != nil {
		return "", fmt.Errorf("date: %q is no time such as 2026-01-31T12:00:00Z", plain(v))
	}
	if len(layout) > 0 {
		return t.Format(layout[0]), nil
	}
	return t.Format("2 January 2006"), nil
}

// orElse is the value, or the given text where the value is missing or empty: {{.name | default "customer"}}.
func orElse(instead any, v ...any) any {
	if len(v) == 0 || v[0] == nil || v[0] == "" {
		return instead
	}
	return v[0]
}
