package kafka

import (
	"fmt"
	"slices"
	"strings"
)

// argument is the text behind the adapter's name in `from:` and `send:`.
//
//	topic web.orders
//	channel order.events type topic pipeline stock pattern order.#
type argument struct {
	topic    string
	channel  bool
	kind     string   // type of the channel
	pipeline string   // reader of the channel
	pattern  []string // of a topic channel's reader
}

var channelTypes = []string{"direct", "topic", "fanout", "headers"}

// parseArgument reads arg of a source, or of a target.
func parseArgument(arg string, source bool) (argument, error) {
	words := strings.Fields(arg)
	switch {
	case len(words) == 2 && words[0] == "topic":
		return argument{topic: words[1]}, checkTopic(words[1])
	case len(words) > 0 && words[0] == "channel":
		return parseChannel(arg, words, source)
	case len(words) == 1 && words[0] != "topic":
		return argument{}, fmt.Errorf("%q: write topic %s", arg, words[0])
	}
	return argument{}, fmt.Errorf("%q: write topic and its name, such as topic web.orders", arg)
}

func parseChannel(arg string, words []string, source bool) (a argument, err error) {
	if len(words)%2 != 0 {
		return a, fmt.Errorf("%q: a word is missing", arg)
	}
	a.channel = true
	for i := 0; i < len(words); i += 2 {
		switch value := words[i+1]; words[i] {
		case "channel":
			a.topic = value
		case "type":
			a.kind = value
		case "pipeline":
			a.pipeline = value
		case "pattern":
			a.pattern = strings.Split(value, ".")
		default:
			return a, fmt.Errorf("%q: unknown word %q", arg, words[i])
		}
	}
	switch {
	case !slices.Contains(channelTypes, a.kind):
		return a, fmt.Errorf("%q: the type of a channel is one of %s", arg, strings.Join(channelTypes, ", "))
	case source && a.pipeline == "":
		return a, fmt.Errorf("%q: the pipeline that reads is missing", arg)
	case a.pattern != nil && a.kind != "topic":
		return a, fmt.Errorf("%q: only a topic channel has patterns", arg)
	}
	return a, checkTopic(a.topic)
}

// checkTopic holds names to Kafka's rules.
func checkTopic(name string) error {
	ok := name != "" && name != "." && name != ".." && len(name) <= 249
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return fmt.Errorf("%q can't be the name of a topic: letters, digits, . _ and -, at most 249", name)
	}
	return nil
}
