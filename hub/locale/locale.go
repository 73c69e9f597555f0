// Package locale writes texts, amounts and times in the language of a reader. A language is one file, words.de.json, which has the words for
// the English texts of pages and for those of this package; English needs none.
package locale

import (
	"cmp"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"orderhub/hub/doc"
)

// Language is how texts, amounts and times are written. The zero Language is English in its own words.
type Language struct {
	Tag   string // BCP 47: de, pt-BR; "": English
	words map[string]string
}

// Languages are those that a folder has words for, and English; the first is English.
type Languages []*Language

// Read reads the files words.TAG.json of a folder. Each must have words for the texts of this package, and for those that
// needed names; words.en.json may have some, to say a text in another way than its author.
func Read(dir string, needed []string) (Languages, error) {
	all := Languages{{Tag: "en"}}
	files, _ := filepath.Glob(filepath.Join(dir, "words.*.json")) // the pattern is a good one
	for _, file := range files {
		l, err := readLanguage(file, append(slices.Clone(needed), own...))
		switch {
		case err != nil:
			return nil, fmt.Errorf("%s: %w", file, err)
		case l.Tag == "en":
			all[0] = l
		default:
			all = append(all, l)
		}
	}
	return all, nil
}

func readLanguage(file string, needed []string) (*Language, error) {
	raw, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	v, err := doc.Parse(raw)
	if err != nil {
		return nil, err
	}
	l := &Language{Tag: strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), "words."), ".json"), words: map[string]string{}}
	for english, words := range v.Fields() {
		if words.Kind() != doc.String {
			return nil, fmt.Errorf("the words for %q are no text", english)
		}
		l.words[english] = words.Str()
	}
	var missing []string
	for _, english := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(needed, slices.Collect(maps.Keys(l.words)))))) {
		words, there := l.words[english]
		if !there && l.Tag != "en" {
			missing = append(missing, strconv.Quote(english))
		}
		if there && !slices.Equal(places.FindAllString(words, -1), places.FindAllString(english, -1)) {
			return nil, fmt.Errorf("%q and %q do not have the same places: each %%s and %%d stands in both, in the same order", english, words)
		}
	}
	if len(missing) > 0 {
		return nil, fmt.Errorf("there are no words for %s", strings.Join(missing, ", "))
	}
	if !amountForm.MatchString(l.Say(amount)) {
		return nil, fmt.Errorf("the words for %q are %q: write how this amount is written, with € and each digit", amount, l.Say(amount))
	}
	return l, nil
}

var places = regexp.MustCompile(`%[sd]`)

// Choose finds the language of a reader: the first of the tags that there is, else the one that an Accept-Language header
// (RFC 9110, 12.5.4) weighs most, else English. A tag such as de-AT means de where there is no de-AT.
func (ls Languages) Choose(accept string, tags ...string) *Language {
	for _, tag := range tags {
		if l := ls.find(tag); l != nil {
			return l
		}
	}
	best, weight := ls[0], 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if text, ok := strings.CutPrefix(strings.TrimSpace(params), "q="); ok {
			q, _ = strconv.ParseFloat(text, 64) // what is no number weighs nothing
		}
		if l := ls.find(tag); l != nil && q > weight {
			best, weight = l, q
		}
	}
	return best
}

func (ls Languages) find(tag string) *Language {
	for base := tag; base != ""; base = base[:max(strings.LastIndexByte(base, '-'), 0)] {
		for _, l := range ls {
			if strings.EqualFold(l.Tag, base) {
				return l
			}
		}
	}
	return nil
}

// Say is an English text in the language, with args in its places; a text without words stays as it is.
func (l *Language) Say(text any, args ...any) string {
	english := plain(text)
	words := cmp.Or(l.words[english], english)
	if len(args) == 0 {
		return words
	}
	return fmt.Sprintf(words, args...)
}

// Funcs are the functions of templates in the language.
func (l *Language) Funcs() map[string]any {
	return map[string]any{
		"say":     l.Say,
		"money":   l.Money,
		"date":    l.Date,
		"when":    l.When,
		"upper":   func(v any) string { return strings.ToUpper(plain(v)) },
		"lower":   func(v any) string { return strings.ToLower(plain(v)) },
		"default": orElse,
	}
}

func plain(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

// orElse is the value, or the given text where the value is missing or empty: {{.name | default "customer"}}.
func orElse(instead any, v ...any) any {
	if len(v) == 0 || v[0] == nil || v[0] == "" {
		return instead
	}
	return v[0]
}
