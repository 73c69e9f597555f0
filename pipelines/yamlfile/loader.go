package yamlfile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"

	"orderhub/hub"
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
}

// NewLoader gives a loader on the environment of the process, with an empty list of problems.
func NewLoader() *Loader { return &Loader{Env: os.LookupEnv, Problems: &Problems{Mask: &hub.Masker{}}} }

// Source is the text of one file that was read.
type Source struct {
	Name string
	Text []byte // read-only
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
		var pe *fs.PathError
		help := ""
		if errors.As(err, &pe) {
			err = pe.Err
		}
		if errors.Is(err, fs.ErrNotExist) {
			err, help = errors.New("no such file"), "check the name, relative to the directory hub runs in"
		}
		l.Problems.Add(Problem{File: path, Code: "E015", Message: "cannot read the file: " + err.Error(), Help: help})
		return nil, false
	}
	return l.Parse(path, src)
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
	doc, ok := l.parseYAML(s)
	if !ok {
		return nil, false
	}
	n, ok := l.build(s, doc)
	if ok {
		l.change(n)
	}
	return n, ok
}

// problem records an error at a place of a source; length in runes.
func (l *Loader) problem(s *source, line, col, length int, code, help, format string, args ...any) {
	l.Problems.Add(Problem{File: s.name, Line: line, Col: col, EndCol: col + max(length, 1), Code: code,
		Message: fmt.Sprintf(format, args...), Help: help})
}
