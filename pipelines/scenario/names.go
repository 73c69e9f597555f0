package scenario

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

// names are what a configuration has that tests may name. They are taken from
// its text, so that a thing with a fault of its own is known all the same.
type names struct{ root *yamlfile.Node }

func (c names) has(section, name string) bool { return c.root.Get(section).Get(name) != nil }

func (c names) all(section string) []string { return c.root.Get(section).Keys() }

// source is the name of what feeds a pipeline: a channel, an adapter, or "call".
func (c names) source(pipeline string) string {
	from := c.root.Get("pipelines").Get(pipeline).Get("from")
	if from.Kind() == yamlfile.Map && len(from.Keys()) > 0 {
		return from.Keys()[0]
	}
	return from.Raw()
}

// read tells that some pipeline reads the channel.
func (c names) read(channel string) bool {
	return slices.ContainsFunc(c.all("pipelines"), func(p string) bool { return c.source(p) == channel })
}

func (c names) channelType(channel string) string {
	return c.root.Get("channels").Get(channel).Get("type").Raw()
}

// calls are the operations of adapters, and the channels, that some step asks.
func (c names) calls() []string {
	found := map[string]bool{}
	var walk func(n *yamlfile.Node)
	walk = func(n *yamlfile.Node) {
		for key, value := range n.Entries() {
			if key.Raw() == "call" || key.Raw() == "to" { // to: of a scatter_gather
				for _, asked := range items(value) {
					found[asked.Raw()] = found[asked.Raw()] || c.asks(asked.Raw())
				}
			}
			walk(value)
		}
		for _, item := range n.Items() {
			walk(item)
		}
	}
	walk(c.root.Get("pipelines"))
	walk(c.root.Get("processes"))
	maps.DeleteFunc(found, func(_ string, asked bool) bool { return !asked })
	return slices.Sorted(maps.Keys(found))
}

// asks tells that a name is an operation of an adapter, or a channel.
func (c names) asks(name string) bool {
	adapter, _, dotted := strings.Cut(name, ".")
	return dotted && c.has("adapters", adapter) || c.has("channels", name)
}

// didYouMean is the help for an unknown name.
func didYouMean(name string, known []string) string {
	if near, ok := shape.Nearest(name, known); ok {
		return fmt.Sprintf("did you mean %q?", near)
	}
	if len(known) == 0 {
		return "there are none"
	}
	return "known: " + strings.Join(known, ", ")
}
