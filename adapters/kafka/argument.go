package kafka

import (
	"fmt"
	"strings"

	"orderhub/hub"
)

// argument reads the text behind the adapter's name, such as "topic web.orders", and gives the topic.
func argument(arg string) (topic string, err error) {
	fault := placeFault(arg)
	if fault == nil {
		return strings.Fields(arg)[1], nil
	}
	return "", fmt.Errorf("%s; %s", fault.Message, fault.Help)
}

// place is the channel that a topic stands for where the hub runs without Kafka: each pipeline that reads it gets all of its messages.
func place(arg string, c *SourceConfig) (hub.Carried, hub.Subscription, error) {
	topic, err := argument(arg)
	if c == nil || len(c.Match) == 0 {
		return hub.Carried{Name: topic, Type: "fanout"}, hub.Subscription{}, err
	}
	return hub.Carried{Name: topic, Type: "headers"}, hub.Subscription{Match: c.Match}, err
}

func checkPlace(arg string) (faults []hub.FieldFault) {
	if f := placeFault(arg); f != nil {
		faults = append(faults, *f)
	}
	return faults
}

// placeFault tells what is wrong with the text behind the adapter's name; nil: nothing.
func placeFault(arg string) *hub.FieldFault {
	words := strings.Fields(arg)
	switch {
	case len(words) == 2 && words[0] == "topic":
		if err := checkTopic(words[1]); err != nil {
			return &hub.FieldFault{Message: err.Error(), Help: "write letters, digits, . _ and -, at most 249: topic web.orders"}
		}
		return nil
	case len(words) == 1 && words[0] != "topic":
		return &hub.FieldFault{Message: fmt.Sprintf("%q is no topic", arg), Help: "write topic " + words[0]}
	}
	return &hub.FieldFault{Message: fmt.Sprintf("%q is no topic", arg), Help: "write topic and its name, such as topic web.orders"}
}

// checkTopic holds names to Kafka's rules.
func checkTopic(name string) error {
	ok := name != "" && name != "." && name != ".." && len(name) <= 249
	for _, c := range []byte(name) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-')
	}
	if !ok {
		return fmt.Errorf("%q can't be the name of a topic", name)
	}
	return nil
}
