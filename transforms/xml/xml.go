// Package xml is the format of XML: elements are fields, attributes fields that
// begin with @, repeated elements lists. Nothing is guessed: every value is a
// text until a schema says otherwise, and what is not well formed is refused
// with its line and column.
//
// The scanner is its own, not encoding/xml: that one takes undeclared prefixes,
// repeated attributes and two roots, has no bound for depth, and allocates for
// every token. It serves the tests as the referee of what text means.
package xml

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// The codes of refused XML.
const (
	CodeBadXML     = "bad_xml"
	CodeDoctype    = "xml_doctype"
	CodeTooDeep    = "xml_too_deep"
	CodeTooComplex = "xml_too_complex"
	CodeTooLarge   = "too_large"
	CodeNoRecord   = "xml_no_record"
)

// The limits of a document. Those of depth and values are the ones of package
// doc: what is read here can be stored as JSON, and read again.
const (
	maxDepth      = 64 // elements in each other; objects and lists in each other
	maxValues     = 100_000
	maxAttributes = 256 // of an element
)

// Config is an entry of `formats:` with `type: xml`.
type Config struct {
	Namespaces  map[string]string   `yaml:"namespaces" doc:"Prefixes and the namespaces they stand for in names of fields, whatever prefix a document uses: o: \"urn:x\". The prefix \"\" gives names without one."`
	Root        string              `yaml:"root" doc:"Name of the root element: the document is what is in it. Left out: the document has one field, the root."`
	Record      string              `yaml:"record" doc:"Path of the element that is a document of its own when a stream is read, such as orders/order."`
	Lists       []string            `yaml:"lists" doc:"Elements that are lists even if there is one: a name, or the last steps of a path (order/line; * is any one step)."`
	Order       map[string][]string `yaml:"order" doc:"Order of the children of an element when it is written, as its schema has it: Order: [Id, Date, Lines]. The element is named as in lists; children that are not named follow."`
	SOAP        string              `yaml:"soap" oneof:"1.1|1.2" doc:"Version of SOAP: the document has header and body, the Envelope is taken off and put on, and a Fault is an error."`
	Nulls       string              `yaml:"nulls" oneof:"nil|empty|omit" default:"nil" doc:"How null is written. nil: an element with xsi:nil=\"true\". empty: an empty element. omit: not at all."`
	Declaration bool                `yaml:"declaration" default:"true" doc:"Begin with <?xml version=\"1.0\" encoding=\"UTF-8\"?>."`
	Indent      int                 `yaml:"indent" min:"0" max:"8" default:"0" doc:"Spaces of each level in what is written. 0: all in one line."`
}

const (
	nullsNil   = "nil"
	nullsEmpty = "empty"
	nullsOmit  = "omit"
)

func defaults() *Config { return &Config{Nulls: nullsNil, Declaration: true} }

// Format declares the format xml.
func Format() hub.FormatKind {
	return hub.FormatOf(hub.FormatKind{Name: "xml", Types: []string{"application/xml", "text/xml", "+xml"}}, defaults, (*Config).check, open)
}

// format is a Config ready for use.
type format struct {
	*Config
	soap   *soap
	record []string // steps
	lists  rules[struct{}]
	order  rules[[]string]
	spaces []space // the namespaces that have a prefix, sorted by it
	isNil  string  // the field of xsi:nil
	idle   sync.Pool
}

func open(c *Config, _ func(string) *hub.Format) (*hub.Format, error) {
	f := &format{Config: c, soap: soapOf(c), spaces: spacesOf(c)}
	f.isNil = "@" + prefixOf(f.spaces, nsInstance) + ":nil"
	for _, path := range c.Lists {
		f.lists = append(f.lists, rule[struct{}]{steps: strings.Split(path, "/")})
	}
	for path, names := range c.Order {
		f.order = append(f.order, rule[[]string]{strings.Split(path, "/"), names})
	}
	slices.SortFunc(f.order, func(a, b rule[[]string]) int { // more steps say more, and * the least
		return cmp.Or(len(b.steps)-len(a.steps), slices.Compare(b.steps, a.steps))
	})
	f.idle.New = func() any { return newDecoder(f) }
	out := &hub.Format{Name: "xml", Type: "application/xml", Declares: true, Untyped: true, Decode: f.decode, Encode: f.encode}
	if f.soap != nil {
		out.Type = f.soap.contentType
	}
	if c.Record != "" {
		f.record = strings.Split(c.Record, "/")
		out.Records = f.records
	}
	return out, nil
}

// decode reads a whole document.
func (f *format) decode(raw []byte) (doc.Value, error) {
	src, converted, err := toUTF8(raw)
	if err != nil {
		return doc.Value{}, err
	}
	d := f.idle.Get().(*decoder)
	defer d.release()
	v, flaw := d.whole(src, converted)
	if flaw != nil {
		return doc.Value{}, place{}.syntax(src, flaw)
	}
	if f.soap == nil {
		return v, nil
	}
	return f.unwrap(v)
}

// rules say something of elements, each named by the last steps of its path.
type rules[T any] []rule[T]

type rule[T any] struct {
	steps []string // * is any one
	says  T
}

// find returns what the first rule for the element at path says.
func (r rules[T]) find(path []string) (says T, ok bool) {
	for _, rule := range r {
		if matches(rule.steps, path) {
			return rule.says, true
		}
	}
	return says, false
}

// of returns the rules for elements of that name.
func (r rules[T]) of(name string) (some rules[T]) {
	for _, rule := range r {
		if matches(rule.steps[len(rule.steps)-1:], []string{name}) {
			some = append(some, rule)
		}
	}
	return some
}

// matches reports whether the path ends with the steps.
func matches(steps, path []string) bool {
	if len(steps) > len(path) {
		return false
	}
	return slices.EqualFunc(steps, path[len(path)-len(steps):], func(step, name string) bool { return step == name || step == "*" })
}
