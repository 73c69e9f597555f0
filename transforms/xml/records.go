package xml

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"orderhub/hub"
	"orderhub/hub/doc"
)

const (
	window    = 256 << 10 // bytes of a stream that are read at once; more only where a record needs it
	rawBytes  = 1 << 10   // of a refused record that are shown
	manyPaths = 8         // that are shown where no record was found
)

// records reads a stream of documents, each an element at the path `record:`.
func (f *format) records(r io.Reader, limit int) hub.RecordReader {
	s := &stream{decoder: newDecoder(f), limit: limit}
	s.in, s.converted, s.over = reader(r)
	s.more = true
	return s.next
}

// stream holds a part of a stream in src. It reads what is outside of the records tag by tag, and a record as a whole. Where src ends too soon
// it gets more of the stream, and reads that tag or record again from its start.
type stream struct {
	*decoder
	in    io.Reader
	limit int
	at    int // what stands before it in src is done
	base  int // the offset of place in src; not behind at
	place place
	over  error // what every later next returns

	began bool     // the root has begun
	start int      // of the record at hand, in src; -1: none
	tag   string   // the name of the last record as written
	skip  bool     // the next record is too large: it is passed tag by tag
	found bool     // there was a record
	paths []string // of elements that are none, to be told if there is no record
}

// next gives the next record.
func (s *stream) next() (hub.Body, int, error) {
	for s.over == nil {
		open, scope, began := len(s.open), len(s.scope), s.began
		s.reset()
		s.start = -1
		end, f := s.read()
		if f == nil {
			v, f := s.checked(end)
			s.at = end
			switch {
			case f != nil:
				return s.refused(f, end)
			case s.start >= 0:
				s.advance(s.start)
				return hub.DocumentBody(v), s.place.line + 1, nil
			}
			continue
		}
		s.open, s.scope, s.began = s.open[:open], s.scope[:scope], began
		switch {
		case s.over != nil: // the stream failed
		case !f.cut:
			return s.broken(f)
		case s.fill() || s.over != nil:
		case s.start >= 0:
			s.at, s.skip = s.start, true
			return s.refused(s.tooLarge(s.start), s.start+s.limit)
		default:
			s.over = s.syntax(s.tooLarge(s.at))
		}
	}
	return hub.Body{}, 0, s.over
}

// read reads the next tag, or the whole record that begins with it: s.start is its place then.
func (s *stream) read() (end int, f *flaw) {
	level := len(s.open)
	switch {
	case !s.began:
		if s.at, f = s.prolog(s.at); f != nil {
			s.at = 0
			return 0, f
		}
	case level == 0:
		return s.behind(s.at)
	case !s.pass():
		return 0, s.unexpected(len(s.src), "the end of the element")
	case len(s.src) > s.at+1 && s.src[s.at+1] == '/':
		return s.endTag(s.at)
	}
	name := s.src[s.at+1 : s.nameEnd(s.at+1)]
	here := level+1 == len(s.record) && s.within(level) && !s.skip
	if here && s.tag == "" && matches(s.record[level:], []string{string(name)}) {
		s.tag = string(name) // of a start tag that may have a flaw
	}
	if here && s.tag == string(name) {
		s.start = s.at
	}
	if end, f = s.startTag(s.at); f != nil {
		return 0, f
	}
	s.began = true
	key := s.nodes[1].key.String()
	switch {
	case here && matches(s.record[level:], []string{key}):
		s.start, s.found, s.tag = s.at, true, string(name)
		return s.rest(end, level)
	case s.skip && level+1 == len(s.record):
		s.skip = false
	case !s.found:
		s.miss(level, key)
	}
	s.start = -1
	if len(s.open) > level {
		s.open[level].raw = bytes.Clone(s.open[level].raw) // src moves on
	}
	return end, nil
}

// pass moves at to the next tag; false: there is none. Text, comments and the like outside of the records are not looked at, however long.
func (s *stream) pass() bool {
	for s.find("<") {
		for len(s.src)-s.at < len("<![CDATA[") && s.fill() {
		}
		rest := s.src[s.at:]
		at := slices.IndexFunc(passed[:], func(mark [2]string) bool { return bytes.HasPrefix(rest, []byte(mark[0])) })
		if at < 0 {
			return true
		}
		s.at += len(passed[at][0])
		s.find(passed[at][1])
	}
	return false
}

var passed = [...][2]string{{"<!--", "-->"}, {"<![CDATA[", "]]>"}, {"<?", "?>"}}

// within tells whether the first elements that are open are those around the records.
func (s *stream) within(level int) bool {
	for i, o := range s.open[:level] {
		if !matches(s.record[i:i+1], []string{o.key.String()}) {
			return false
		}
	}
	return true
}

// miss keeps the path of an element that is no record.
func (s *stream) miss(level int, name string) {
	if level >= len(s.record) || len(s.paths) == manyPaths {
		return
	}
	path := ""
	for _, o := range s.open[:level] {
		path += o.key.String() + "/"
	}
	if path += name; !slices.Contains(s.paths, path) {
		s.paths = append(s.paths, path)
	}
}

// behind reads what follows the root.
func (s *stream) behind(i int) (int, *flaw) {
	i, f := s.between(i)
	switch {
	case f != nil:
	case i < len(s.src):
		f = s.unexpected(i, "nothing behind the root element")
		f.cut = s.more && i+1 == len(s.src)
	case s.more:
		f = s.unexpected(i, "")
	default:
		s.over = io.EOF
		if around := s.record[:len(s.record)-1]; !s.found && !(len(around) > 0 && s.empty(around)) {
			s.over = &doc.SyntaxError{Code: CodeNoRecord, Line: 1, Col: 1, Detail: fmt.Sprintf("there is no element %s (record:); the first that are there: %s",
				s.Record, strings.Join(s.paths, ", "))}
		}
	}
	return i, f
}

// empty tells whether the element around the records is there and has no children.
func (s *stream) empty(around []string) bool {
	there := false
	for _, path := range s.paths {
		steps := strings.Split(path, "/")
		if len(steps) > len(around) {
			return false
		}
		there = there || len(steps) == len(around) && matches(around, steps)
	}
	return there
}

// checked makes the document of the record that ends there; it is missing if what was read is no record.
func (s *stream) checked(end int) (v doc.Value, f *flaw) {
	if at := doc.NotUTF8(s.src[s.at:end]); at >= 0 {
		return v, notUTF8(s.src, s.at+at)
	}
	switch {
	case s.start < 0:
		return v, nil
	case end-s.start > s.limit:
		return v, s.tooLarge(s.start)
	}
	return s.document(1)
}

func (s *stream) tooLarge(at int) *flaw {
	return &flaw{at: at, code: CodeTooLarge, detail: fmt.Sprintf("longer than %d bytes", s.limit)}
}

// fill gets more of the stream behind at, as much again at least, so that what is read again is not read too often. False: there is no more, or
// there must not be.
func (s *stream) fill() bool {
	if !s.more || len(s.src)-s.at > s.limit {
		return false
	}
	s.advance(s.at)
	n := copy(s.src, s.src[s.at:])
	s.src, s.at, s.base = s.src[:n], 0, 0
	if n == cap(s.src) {
		s.src = append(make([]byte, 0, max(window, 2*n)), s.src...)
	}
	room := s.src[n:cap(s.src)]
	read, err := io.ReadAtLeast(s.in, room, min(max(n, 1), len(room)))
	s.src = s.src[:n+read]
	s.more = err == nil
	if !s.more && err != io.EOF && err != io.ErrUnexpectedEOF {
		s.over = err
	}
	return s.over == nil
}

// advance moves place forward.
func (s *stream) advance(to int) {
	s.place = s.place.after(s.src[s.base:to])
	s.base = to
}

// syntax makes the error of a flaw.
func (s *stream) syntax(f *flaw) *doc.SyntaxError {
	relative := *f
	relative.at -= s.base
	return s.place.syntax(s.src[s.base:], &relative)
}

// refused makes the error of a record, or of what stands where one should be, that ends there at the latest.
func (s *stream) refused(f *flaw, end int) (hub.Body, int, error) {
	e := &hub.RecordError{SyntaxError: *s.syntax(f)}
	from, line := f.at, e.Line
	if s.start >= 0 {
		from = s.start
		s.advance(from)
		line = s.place.line + 1
	}
	e.Raw = bytes.Clone(s.src[from:min(max(from, end), from+rawBytes, len(s.src))])
	return hub.Body{}, line, e
}

// broken refuses the record at hand and finds the place to go on from; if there is none, it refuses the rest.
func (s *stream) broken(f *flaw) (hub.Body, int, error) {
	around := len(s.record) - 1
	fatal := s.syntax(f)
	if s.tag == "" || around == 0 || len(s.open) < around || !s.within(around) {
		s.over = fatal
		return hub.Body{}, 0, s.over
	}
	if len(s.open) > around { // within a record that was passed
		s.scope = s.scope[:s.open[around].scope]
		s.open = s.open[:around]
	}
	body, line, err := s.refused(f, f.at+1+bytes.IndexByte(s.src[f.at:], '>'))
	if !s.resume(f.at) {
		s.over = fatal
		return hub.Body{}, 0, s.over
	}
	return body, line, err
}

// resume goes on from the first place behind a flaw where the elements around the records are known to be the ones that are open: the start tag
// of a record, what follows the end tag of one, or the end tag of the element around them. False: there is none.
func (s *stream) resume(i int) bool {
	start, end, around := "<"+s.tag, "</"+s.tag, "</"+string(s.open[len(s.open)-1].raw)
	for s.at = i; s.pass(); s.at++ {
		for len(s.src)-s.at <= max(len(end), len(around)) && s.fill() {
		}
		switch rest := s.src[s.at:]; {
		case isTag(rest, start), isTag(rest, around):
			return true
		case isTag(rest, end):
			found := s.find(">")
			s.at++
			return found
		}
	}
	return false
}

// find moves at to the next mark; false: there is none.
func (s *stream) find(mark string) bool {
	for {
		if n := bytes.Index(s.src[s.at:], []byte(mark)); n >= 0 {
			s.at += n
			return true
		}
		s.at = max(s.at, len(s.src)-len(mark)+1)
		if !s.fill() {
			s.at = len(s.src)
			return false
		}
	}
}

// isTag tells whether the text begins with a tag, its name complete.
func isTag(text []byte, tag string) bool {
	return len(text) > len(tag) && string(text[:len(tag)]) == tag && class[text[len(tag)]]&inName == 0
}
