// Package yamlfile reads YAML that people write: every value knows the file, line and column it came from, every
// fault is a Problem that says what to write instead, and all problems of a run are found at once.
//
// The flow: NewLoader, Loader.ReadFile, then walk the Node tree (Get, Entries, Items) or fill structs (Decode); each
// fault lands in Loader.Problems, which prints itself for people, machines and GitHub.
//
// ${NAME}, ${NAME:-default} and secret:name are resolved when a scalar is read, on the parsed node: no value can
// inject YAML or turn a literal into a formula. Values of secrets are never printed.
//
// Columns count runes from 1. Nothing here is safe for use by several goroutines at once.
package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"unicode/utf8"

	"orderhub/hub/mask"
)

// Loader reads files, keeps their text for the carets, resolves ${ENV} and secret:, and records problems.
type Loader struct {
	Env        func(string) (string, bool) // default os.LookupEnv
	SecretsDir string                      // default $HUB_SECRETS, then ./secrets
	Problems   *Problems

	// Missing, if set, is asked before a missing ${NAME} or secret:name becomes a problem: its value stands in.
	// ref is the text of the file, as "${BILLING_URL}" or "secret:billing".
	Missing func(n *Node, ref string) (value string, ok bool)

	sources []*source
	secrets map[string]found
	sets    []string // changes of the first file that is read
	changed bool     // they are made
	grafts  []graft
}

// NewLoader gives a loader on the environment of the process, with an empty list of problems.
func NewLoader() *Loader {
	return &Loader{Env: os.LookupEnv, Problems: &Problems{Mask: &mask.Masker{}}}
}

// Source is the text of one file that was read.
type Source struct {
	Name string `json:"file"`
	Text []byte `json:"text"` // read-only
}

// NewSource is a text as a loader reads it: without a byte order mark.
func NewSource(name string, text []byte) Source { return Source{name, newSource(name, text).text} }

// Set tells that the source is no file, but a change by Set.
func (s *Source) Set() bool { return strings.HasPrefix(s.Name, setName) }

// Shown are the lines of the text with stars for what looks like a password.
func (s *Source) Shown() []string {
	lines := newSource(s.Name, s.Text).lines
	for i, line := range lines {
		lines[i] = conceal(line)
	}
	return lines
}

// Entry cuts lines that begin with an entry of a block map at the end of the entry: the next line that is not indented more.
func Entry(lines []string) []string {
	indent := func(line string) int { return len(line) - len(strings.TrimLeft(line, " ")) }
	end := 1
	for i, line := range lines[1:] {
		text := strings.TrimSpace(line)
		switch {
		case text == "" || text[0] == '#' && indent(line) <= indent(lines[0]):
		case indent(line) > indent(lines[0]):
			end = i + 2
		default:
			return lines[:end]
		}
	}
	return lines[:end]
}

// Sources gives the files in the order they were read.
func (l *Loader) Sources() []Source {
	out := make([]Source, len(l.sources))
	for i, s := range l.sources {
		out[i] = Source{s.name, s.text}
	}
	return out
}

// ReadFile reads and parses one file. False means that it gives no tree; the reason is a recorded problem.
func (l *Loader) ReadFile(path string) (*Node, bool) {
	src, err := readLimited(path)
	if err != nil {
		help := ""
		if errors.Is(err, fs.ErrNotExist) {
			help = "check the name, relative to the directory hub runs in"
		}
		l.Problems.Add(Problem{File: path, Code: "E015", Message: "cannot read the file: " + Cause(err).Error(), Help: help})
		return nil, false
	}
	return l.Parse(path, src)
}

// Cause is what is wrong with a file, without its name.
func Cause(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("no such file")
	}
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	return err
}

// Attach keeps the text of a file that is no YAML, such as a schema: problems that name it print its lines.
func (l *Loader) Attach(name string, src []byte) { l.keep(newSource(name, src)) }

func (l *Loader) keep(s *source) {
	l.sources = slices.DeleteFunc(l.sources, func(o *source) bool { return o.name == s.name })
	l.sources = append(l.sources, s)
	l.Problems.addSource(s)
}

func readLimited(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err == nil && st.IsDir() {
		return nil, errors.New("it is a directory")
	}
	return io.ReadAll(io.LimitReader(f, maxSize+1))
}

// Parse parses src, which problems call name. False means that there is no tree; the reason is a recorded problem.
// With true there may be problems too: the tree holds all that could be read.
func (l *Loader) Parse(name string, src []byte) (*Node, bool) {
	if len(src) > maxSize {
		l.Problems.Add(Problem{File: name, Code: "E009", Message: "the file is larger than 4 MB", Help: "split it into several files"})
		return nil, false
	}
	s := newSource(name, src)
	l.keep(s)
	if !l.checkText(s) {
		return nil, false
	}
	y, ok := l.parseYAML(s)
	if !ok {
		return nil, false
	}
	b := l.builder(s)
	n := b.node(y, nil, nil, -1, 1, false)
	if !b.stopped {
		l.change(n)
	}
	return n, !b.stopped
}

// problem records an error at a place of a source; length in runes.
func (l *Loader) problem(s *source, line, col, length int, code, help, format string, args ...any) {
	l.Problems.Add(Problem{File: s.name, Line: line, Col: col, EndCol: col + max(length, 1), Code: code,
		Message: fmt.Sprintf(format, args...), Help: help})
}

const maxSize = 4 << 20 // bytes of one file

// source is the text of one file, for carets and for positions inside scalars.
type source struct {
	name  string
	text  []byte   // without the byte order mark
	lines []string // without their ends
	runes map[int][]rune
}

func newSource(name string, text []byte) *source {
	s := &source{name: name, text: bytes.TrimPrefix(text, []byte("\ufeff"))}
	s.lines = strings.Split(string(s.text), "\n")
	for i, l := range s.lines {
		s.lines[i] = strings.TrimSuffix(l, "\r")
	}
	return s
}

// line gives line n, from 1, as runes; nil outside the file.
func (s *source) line(n int) []rune {
	if n < 1 || n > len(s.lines) {
		return nil
	}
	if r, ok := s.runes[n]; ok {
		return r
	}
	if s.runes == nil {
		s.runes = map[int][]rune{}
	}
	r := []rune(s.lines[n-1])
	s.runes[n] = r
	return r
}

// checkText refuses what is no plain UTF-8 text. Every bad place is reported, up to ten.
func (l *Loader) checkText(s *source) bool {
	if len(s.text) > 1 && (s.text[0] == 0xff && s.text[1] == 0xfe || s.text[0] == 0xfe && s.text[1] == 0xff) {
		l.problem(s, 1, 1, 1, "E008", "save the file as UTF-8", "the file is UTF-16, not UTF-8")
		return false
	}
	line, col, bad := 1, 1, 0
	for i := 0; i < len(s.text) && bad < 10; {
		r, size := utf8.DecodeRune(s.text[i:])
		what, help := textFault(r, size, s.text[i:])
		if what != "" {
			bad++
			l.problem(s, line, col, 1, "E008", help, "%s", what)
		}
		i, col = i+size, col+1
		if r == '\n' {
			line, col = line+1, 1
		}
	}
	return bad == 0
}

func textFault(r rune, size int, rest []byte) (what, help string) {
	switch {
	case r >= 0x20 && r <= 0x7e, r == '\n', r == '\t':
		return "", ""
	case r == utf8.RuneError && size == 1:
		return fmt.Sprintf("byte 0x%02X is not UTF-8 text", rest[0]), "save the file as UTF-8"
	case r == '\r' && len(rest) > 1 && rest[1] == '\n':
		return "", ""
	case r == '\r':
		return "a carriage return without a line feed", "save the file with Unix line ends"
	case r == 0x85 || r == 0x2028 || r == 0x2029:
		return fmt.Sprintf("invisible line break %U", r), fmt.Sprintf("delete it, or write \"\\u%04X\" in double quotes", r)
	case r < 0x20 || r >= 0x7f && r < 0xa0 || r == 0xfffe || r == 0xffff || r == 0xfeff:
		return fmt.Sprintf("control character %U", r), fmt.Sprintf("delete it, or write \"\\u%04X\" in double quotes", r)
	}
	return "", ""
}
