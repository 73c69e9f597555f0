package yamlfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	yaml4 "go.yaml.in/yaml/v4"
	"gopkg.in/yaml.v3"
)

// parseYAML gives the first document. Its errors are recorded in words for people.
func (l *Loader) parseYAML(s *source) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(s.text))
	doc := &yaml.Node{}
	if err := decode(dec, doc); err != nil && !errors.Is(err, io.EOF) {
		return l.explain(s, err)
	}
	if err := decode(dec, &yaml.Node{}); !errors.Is(err, io.EOF) {
		line := secondDocument(s)
		l.problem(s, line, 1, 3, "E007", "keep one document per file; split the rest into files of its own", "a second document starts here")
	}
	return doc, true
}

func decode(dec *yaml.Decoder, into *yaml.Node) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%v", r)
		}
	}()
	return dec.Decode(into)
}

// where asks yaml/v4 for the place of a syntax error.
func where(s *source) (message string, at, context yaml4Mark) {
	defer func() {
		if r := recover(); r != nil {
			message = ""
		}
	}()
	var doc yaml4.Node
	var le *yaml4.LoadError
	if err := yaml4.Unmarshal(s.text, &doc); errors.As(err, &le) {
		return le.Message, yaml4Mark{le.Mark.Line, le.Mark.Column}, yaml4Mark{le.ContextMark.Line, le.ContextMark.Column}
	}
	return "", yaml4Mark{}, yaml4Mark{}
}

type yaml4Mark struct{ line, col int }
