// Package mask hides what must not be read in texts: the secrets of the
// configuration, and what schemas mark in documents.
package mask

import (
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"orderhub/hub/doc"
	"orderhub/hub/escape"
)

// Masker hides values that must not be read in a text that is kept, logged or
// told: secrets of the configuration (Hide), and what the schemas mark in the
// documents that the text is about (Mark, About). It finds them as they are and
// in the forms in which far ends echo them: escaped for JSON, HTML and URLs, in
// base64, within Basic credentials, in other case, and cut off at the end.
//
// Message bodies are never masked; see Shown for showing them. A Masker is safe
// for concurrent use. A nil one hides nothing.
type Masker struct {
	mu     sync.Mutex
	hidden []hiddenValue
	paths  []Path
	now    atomic.Pointer[masking]
	more   *maskTable // About: what the documents hold; nil: nothing
}

// masking is what a Masker knows, never changed once it is there.
type masking struct {
	secrets *maskTable
	marks   *markNode
	named   func() *regexp.Regexp // finds the values behind marked names: see Named
}

type hiddenValue struct{ value, name string }

const (
	secretWord = 5  // bytes: shorter secrets are no secrets, and would make any text unreadable
	markedWord = 3  // bytes of marked values, which are looked for in the texts about one message only
	anywhere   = 6  // bytes: what is shorter is found as a whole word only
	cutOff     = 8  // bytes: so much of a value at a text's end is the value
	cutShort   = 12 // bytes: so much of it, and half of it, anywhere is the value
)

// Hide masks value in every text from now on: "[name]" stands for it. Values of
// less than 6 bytes are masked where they stand as a word, those of less than 5 not at all.
func (m *Masker) Hide(value, name string) {
	value = strings.TrimSpace(value)
	if m == nil || len(value) < secretWord {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	h := hiddenValue{value, name}
	if slices.ContainsFunc(m.hidden, func(o hiddenValue) bool { return o.value == value }) {
		return
	}
	m.hidden = append(m.hidden, h)
	m.now.Store(nil)
}

// HideURL masks the passwords in a URL or connection string: see Passwords.
func (m *Masker) HideURL(text, name string) {
	for _, p := range Passwords(text) {
		m.Hide(p, name)
	}
}

// Mark makes the values at the paths known as secret or personal: About and Shown look for them.
func (m *Masker) Mark(paths []Path) {
	if m == nil || len(paths) == 0 {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range paths {
		if !slices.ContainsFunc(m.paths, func(o Path) bool { return o.Secret == p.Secret && slices.Equal(o.Path, p.Path) }) {
			m.paths = append(m.paths, p)
		}
	}
	m.now.Store(nil)
}

// masking is what m knows now; it is made when it is needed first, since values come one by one.
func (m *Masker) masking() *masking {
	if m == nil {
		return nil
	}
	if now := m.now.Load(); now != nil {
		return now
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	marks := newMarkTree(m.paths)
	now := &masking{secrets: newMaskTable(m.hidden, secretWord), marks: marks, named: sync.OnceValue(marks.behindNames)}
	m.now.Store(now)
	return now
}

// About is m for texts about the documents: what the schemas mark in them is
// masked as well. It reads them: it is for errors, not for what happens to every message.
func (m *Masker) About(docs ...doc.Value) *Masker {
	now := m.masking()
	if now == nil {
		return m
	}
	var found []hiddenValue
	for _, d := range docs {
		now.marks.walk(d, func(name string, leaf doc.Value) {
			found = append(found, hiddenValue{strings.TrimSpace(leaf.Text()), name})
		})
	}
	return m.also(found, now)
}

// also is m that masks the found values as well.
func (m *Masker) also(found []hiddenValue, now *masking) *Masker {
	if len(found) == 0 {
		return m
	}
	c := &Masker{more: newMaskTable(found, markedWord)}
	if m.more != nil {
		c.more.add(m.more)
	}
	c.now.Store(now)
	return c
}

// Text is s with all that is hidden masked.
func (m *Masker) Text(s string) string {
	now := m.masking()
	if now == nil {
		return s
	}
	return now.secrets.mask(m.more.mask(s))
}

// maskTable finds many values in a text at once: a look at two bytes rules out nearly every place.
type maskTable struct {
	pairs  [1 << 10]uint64 // bit set of the first two bytes, in lower case
	starts map[[3]byte][]maskPattern
}

type maskPattern struct {
	text, name string // text in lower case
	word       bool
}

func newMaskTable(values []hiddenValue, least int) *maskTable {
	t := &maskTable{starts: map[[3]byte][]maskPattern{}}
	for _, h := range values {
		for _, form := range formsOf(h.value) {
			if len(form) >= least {
				t.put(maskPattern{lowerASCII(form), plainName(h.name), len(form) < anywhere})
			}
		}
	}
	return t
}

func (t *maskTable) put(p maskPattern) {
	pair, start := uint16(p.text[0])<<8|uint16(p.text[1]), [3]byte{p.text[0], p.text[1], p.text[2]}
	if slices.ContainsFunc(t.starts[start], func(o maskPattern) bool { return o.text == p.text }) {
		return
	}
	t.pairs[pair>>6] |= 1 << (pair & 63)
	t.starts[start] = append(t.starts[start], p)
}

func (t *maskTable) add(o *maskTable) {
	for _, list := range o.starts {
		for _, p := range list {
			t.put(p)
		}
	}
}

// mask replaces what is found, from left to right, the longest first.
func (t *maskTable) mask(s string) string {
	if t == nil || len(t.starts) == 0 {
		return s
	}
	var out strings.Builder
	done := 0
	for i := 0; i+3 <= len(s); i++ {
		a, b := lower(s[i]), lower(s[i+1])
		if pair := uint16(a)<<8 | uint16(b); t.pairs[pair>>6]&(1<<(pair&63)) == 0 {
			continue
		}
		if n, name := longest(t.starts[[3]byte{a, b, lower(s[i+2])}], s, i); n > 0 {
			out.WriteString(s[done:i])
			out.WriteString("[" + name + "]")
			done = i + n
			i = done - 1
		}
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// longest is the longest of the patterns at i, one that is there as a whole before one that was cut.
func longest(patterns []maskPattern, s string, i int) (n int, name string) {
	whole := false
	for _, p := range patterns {
		if m := p.at(s, i); m > 0 && (m == len(p.text) && !whole || m > n && whole == (m == len(p.text))) {
			n, name, whole = m, p.name, m == len(p.text)
		}
	}
	return n, name
}

// at is how many bytes of s, from i on, are the value or what was left of it when the text was cut; 0: none.
func (p maskPattern) at(s string, i int) int {
	n := 0
	for n < len(p.text) && i+n < len(s) && lower(s[i+n]) == p.text[n] {
		n++
	}
	switch {
	case n < len(p.text):
		end := i+n == len(s) || strings.HasPrefix(s[i+n:], "…")
		if n < cutOff || !end && (n < cutShort || n < len(p.text)/2) {
			return 0
		}
	case p.word && (i > 0 && wordByte(s[i-1]) || i+n < len(s) && wordByte(s[i+n])):
		return 0
	}
	return n
}

// formsOf are the ways in which a text may hold the value.
func formsOf(v string) []string {
	plain, _ := json.Marshal(v) // texts always can
	ascii := strconv.QuoteToASCII(v)
	forms := []string{v, string(plain[1 : len(plain)-1]), ascii[1 : len(ascii)-1], html.EscapeString(v),
		url.QueryEscape(v), url.PathEscape(v), url.UserPassword("", v).String()[1:]}
	if len(v) >= anywhere {
		for _, enc := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			forms = append(forms, enc.EncodeToString([]byte(v)))
			for before := range 3 { // in the midst of other bytes, such as user:password
				text := enc.EncodeToString(append(make([]byte, before), v...))
				forms = append(forms, text[(before*8+5)/6:(before+len(v))*8/6])
			}
		}
	}
	for line := range strings.SplitSeq(v, "\n") { // of a key in PEM, say, where a text shows line by line
		if line = strings.TrimSpace(line); len(line) >= anywhere {
			forms = append(forms, line)
		}
	}
	slices.Sort(forms)
	return slices.Compact(forms)
}

// plainName is a name that can stand in any text, such as JSON.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r == '"' || r == '\\' || escape.Steers(r) {
			return '_'
		}
		return r
	}, name)
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

func lowerASCII(s string) string {
	b := []byte(s)
	for i := range b {
		b[i] = lower(b[i])
	}
	return string(b)
}

// wordByte tells that b is part of a word: a letter, a digit, or a byte of a letter beyond ASCII.
func wordByte(b byte) bool {
	b = lower(b)
	return 'a' <= b && b <= 'z' || '0' <= b && b <= '9' || b >= 0x80
}
