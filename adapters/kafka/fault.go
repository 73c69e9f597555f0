package kafka

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"os"

	kafka "github.com/segmentio/kafka-go"
	"github.com/segmentio/kafka-go/protocol"

	"orderhub/hub"
)

// isCode reports whether err is one of the brokers' error codes.
func isCode(err error, codes ...kafka.Error) bool {
	for _, code := range codes {
		if errors.Is(err, code) {
			return true
		}
	}
	return false
}

// classes has the classes of the brokers' error codes. Those that are not listed are Unavailable.
var classes = map[kafka.Error]struct {
	class  hub.Class
	reason string
}{
	kafka.MessageSizeTooLarge:        {hub.Rejected, "too_large"},
	kafka.RecordListTooLarge:         {hub.Rejected, "too_large"},
	kafka.InvalidRecord:              {hub.Rejected, "invalid_record"},
	kafka.InvalidTimestamp:           {hub.Rejected, "invalid_record"},
	kafka.InvalidTopic:               {hub.Rejected, "invalid_topic"},
	kafka.PolicyViolation:            {hub.Rejected, "policy"},
	kafka.RequestTimedOut:            {hub.Timeout, "timeout"},
	kafka.ThrottlingQuotaExceeded:    {hub.Throttled, "quota"},
	kafka.NotLeaderForPartition:      {hub.Unavailable, "no_leader"},
	kafka.LeaderNotAvailable:         {hub.Unavailable, "no_leader"},
	kafka.NotEnoughReplicas:          {hub.Unavailable, "not_enough_replicas"},
	kafka.UnsupportedSASLMechanism:   {hub.Unavailable, "auth"},
	kafka.IllegalSASLState:           {hub.Unavailable, "auth"},
	kafka.SASLAuthenticationFailed:   {hub.Unavailable, "auth"},
	kafka.TopicAuthorizationFailed:   {hub.Unavailable, "auth"},
	kafka.GroupAuthorizationFailed:   {hub.Unavailable, "auth"},
	kafka.ClusterAuthorizationFailed: {hub.Unavailable, "auth"},
}

const reasonNoTopic = "no_topic"

// away converts the error of something that was not even begun: where there is no connection it costs no attempt.
func away(err error) error {
	e := hub.AsError(err)
	_, told := errors.AsType[kafka.Error](err)
	known := told && !isCode(err, kafka.SASLAuthenticationFailed, kafka.UnsupportedSASLMechanism, kafka.IllegalSASLState)
	if e.Class != hub.Unavailable || known || e.Reason == reasonNoTopic || e.Reason == "stopping" {
		return err
	}
	return hub.Fail(hub.Unavailable, hub.NotConnected, "%w", e.Err)
}

// classify classifies an error that came up at a topic.
func classify(topic string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*hub.Error](err); ok {
		return e
	}
	if errors.Is(err, protocol.ErrNoTopic) {
		return noTopic(topic)
	}
	if code, ok := errors.AsType[kafka.Error](err); ok {
		if code == kafka.UnknownTopicOrPartition {
			return noTopic(topic)
		}
		c, known := classes[code]
		if !known {
			c.class, c.reason = hub.Unavailable, fmt.Sprintf("kafka_%d", int(code))
		}
		return hub.Fail(c.class, c.reason, "topic %s: %w", topic, err)
	}
	n, isNet := errors.AsType[net.Error](err)
	_, isTLS := errors.AsType[*tls.CertificateVerificationError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(err, context.Canceled):
		return hub.AsError(err)
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded), isNet && n.Timeout():
		return hub.Fail(hub.Timeout, "timeout", "topic %s: no answer in time: %w", topic, err)
	case isTLS, noTLS:
		return hub.Fail(hub.Unavailable, "tls", "topic %s: %w", topic, err)
	}
	return hub.Fail(hub.Unavailable, "connection", "topic %s: %w", topic, err)
}
