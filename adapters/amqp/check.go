package amqp

import (
	"fmt"
	"strconv"

	"orderhub/hub"
)

// checkSource finds what is wrong in `from:`.
func checkSource(arg string, c *SourceConfig) (faults []hub.FieldFault) {
	p, m := parsePlace(arg)
	if m != nil {
		return []hub.FieldFault{hub.FieldFault(*m)}
	}
	_, faults = p.source(c)
	return faults
}

// checkTarget finds what is wrong in `send:`.
func checkTarget(arg string) []hub.FieldFault {
	if _, m := parsePlace(arg); m != nil {
		return []hub.FieldFault{hub.FieldFault(*m)}
	}
	return nil
}

// faults finds what is wrong in the options for p.
func (c *SourceConfig) faults(p place) (faults []hub.FieldFault) {
	bad := func(at, help, format string, args ...any) {
		faults = append(faults, hub.FieldFault{Path: at, Message: fmt.Sprintf(format, args...), Help: help})
	}
	switch {
	case p.exchange != "" && c.Queue == "":
		bad("", "add queue: NAME", "%s: the queue that collects its messages is missing", p)
	case p.exchange == "" && c.Queue != "":
		bad("queue", "leave it out, or write exchange NAME key PATTERN", "%s: the option queue is for exchanges", p)
	}
	if p.exchange != "" && !p.hasKey && (p.kind == topic || p.kind == direct) {
		bad("", "add key and what the routing key must be; in a topic exchange * is one word, # any number", "%s: nothing says which of its messages are wanted", p)
	}
	if c.QueueType == quorum && (!c.Durable || c.Exclusive || c.AutoDelete) {
		bad("queue_type", "take classic, or leave durable, exclusive and auto_delete as they are", "a quorum queue is durable, and neither exclusive nor auto_delete")
	}
	for i, b := range c.Bind {
		if b.Exchange == "" {
			bad("bind."+strconv.Itoa(i)+".exchange", "add exchange: NAME", "bind: the exchange is missing")
		}
	}
	if _, err := arguments(c.Arguments); err != nil {
		bad("arguments", "write texts, numbers, true, false, lists and maps of them", "%s", err)
	}
	return faults
}
