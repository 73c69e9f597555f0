package kafka

import (
	"encoding/binary"
	"strings"

	"orderhub/hub"
)

// Headers of requests and replies: the hub's, and those that Spring's clients have agreed on.
const (
	headerRequest        = "hub-request" // what a reply is known by; new at each attempt
	headerReplyTopic     = "kafka_replyTopic"
	headerReplyPartition = "kafka_replyPartition"
	headerCorrelationID  = "kafka_correlationId"

	replyPlace = "topic " // begins the text of a Return Address (header reply-to)
)

// spelled is a header's name as others write it, where its case matters to them; the hub's are in lower case.
func spelled(name string) string {
	switch name {
	case "kafka_replytopic":
		return headerReplyTopic
	case "kafka_replypartition":
		return headerReplyPartition
	case "kafka_correlationid":
		return headerCorrelationID
	}
	return name
}

// address is a request's Return Address.
type address struct {
	topic     string
	partition int    // -1: any
	request   string // hub-request of the request; "": it had none
	foreign   string // kafka_correlationId of the request, any bytes; "": it had none
}

// note takes what a header tells of the Return Address.
func (a *address) note(name string, value []byte) {
	switch name {
	case headerRequest:
		a.request = string(value)
	case headerCorrelationID:
		a.foreign = string(value)
	case headerReplyTopic:
		a.topic = string(value)
	case headerReplyPartition:
		if len(value) == 4 {
			a.partition = int(int32(binary.BigEndian.Uint32(value))) + 1
		}
	}
}

// of is the Return Address of m, in its header reply-to as well; nil: it has none.
func (a address) of(m *hub.Message) *address {
	if topic, ok := strings.CutPrefix(m.Headers[hub.HeaderReplyTo], replyPlace); ok {
		a.topic = topic
	}
	if a.topic == "" || checkTopic(a.topic) != nil {
		return nil
	}
	if m.Headers[hub.HeaderReplyTo] == "" {
		m.Headers[hub.HeaderReplyTo] = replyPlace + a.topic
	}
	a.partition-- // it is counted from 1 until here, so that the zero address has none
	return &a
}

// unaddressed is a message without what belongs to a request that is under way.
func unaddressed(m *hub.Message) *hub.Message {
	c := *m
	for _, name := range []string{hub.HeaderReplyTo, headerRequest, strings.ToLower(headerReplyTopic), strings.ToLower(headerReplyPartition), strings.ToLower(headerCorrelationID)} {
		c.Headers = c.Headers.With(name, "")
	}
	if c.Headers[hub.HeaderExact] != "" {
		list, _ := c.Headers.Exact(nil)
		c.Headers = c.Headers.WithExact(list)
	}
	return &c
}
