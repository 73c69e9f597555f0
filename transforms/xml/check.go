package xml

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"orderhub/hub"
)

// check finds what the tags can't.
func (c *Config) check() []hub.FieldFault {
	k := checker{config: c}
	k.namespaces()
	k.name("root", c.Root)
	k.path("record", c.Record)
	for i, path := range c.Lists {
		k.path(fmt.Sprintf("lists.%d", i), path)
	}
	for _, path := range slices.Sorted(maps.Keys(c.Order)) {
		k.path("order."+path, path)
		for i, name := range c.Order[path] {
			k.name(fmt.Sprintf("order.%s.%d", path, i), name)
		}
	}
	switch last := c.Record[strings.LastIndexByte(c.Record, '/')+1:]; {
	case c.Record == "":
	case c.SOAP != "":
		k.Add("record", "leave one of them out", "record and soap: an envelope is one document")
	case c.Root != "" && c.Root != last && last != "*":
		k.Add("root", "write root: "+last+", or leave it out", "root: each document is a %s (record: %s), which is no %s", last, c.Record, c.Root)
	}
	return k.FieldFaults
}

// checker collects the faults of a Config.
type checker struct {
	config *Config
	hub.FieldFaults
}

func (k *checker) namespaces() {
	known := map[string]string{} // prefixes by namespace
	for _, prefix := range slices.Sorted(maps.Keys(k.config.Namespaces)) {
		at, uri := "namespaces."+prefix, k.config.Namespaces[prefix]
		switch first, twice := known[uri]; {
		case prefix != "" && !validPrefix(prefix):
			k.Add(at, "write a name without a colon, which does not begin with xml", "namespaces: %q is no prefix", prefix)
		case uri == "" || uri == nsXML || uri == nsXMLNS:
			k.Add(at, "write the namespace of the documents, such as urn:x", "namespaces: %q is no namespace that %q can stand for", uri, prefix)
		case twice:
			k.Add(at, "keep one of them", "namespaces: %q and %q are both %s", first, prefix, uri)
		}
		known[uri] = prefix
	}
	for _, s := range builtIn(k.config) {
		if uri, taken := k.config.Namespaces[s.prefix]; taken && uri != s.uri {
			k.Add("namespaces."+s.prefix, "write another prefix", "namespaces: the prefix %s is that of %s", s.prefix, s.uri)
		}
	}
}

// path checks the steps of a path.
func (k *checker) path(at, path string) {
	if path == "" && at == "record" {
		return
	}
	for step := range strings.SplitSeq(path, "/") {
		if step == "" {
			k.Add(at, "write names with one / between them, such as order/line", "%q is no path of elements", path)
			return
		}
		if step != "*" {
			k.name(at, step)
		}
	}
}

// name checks the name of an element; "" is one that is left out.
func (k *checker) name(at, name string) {
	if name != "" && !validName(name) {
		k.Add(at, "write the name of an element, such as order or o:order", "%q is no name in XML", name)
	}
}
