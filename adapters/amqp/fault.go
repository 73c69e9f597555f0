package amqp

import (
	"context"
	"errors"
	"fmt"
	"strings"

	amqp "github.com/rabbitmq/amqp091-go"

	"orderhub/hub"
)

const (
	reasonLost       = "connection_lost"
	reasonTopology   = "topology"
	reasonUnroutable = "unroutable"
	reasonBlocked    = "blocked"
	reasonTooLarge   = "header_too_large"
	reasonBody       = "body_too_large"
	reasonHeld       = "consumer_timeout"
	reasonProtocol   = "amqp_protocol"
)

// fault classifies an error of the protocol that came up at what, such as "queue orders".
func fault(what string, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*hub.Error](err); ok {
		return err
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: %w", what, err)
	}
	e, ok := errors.AsType[*amqp.Error](err)
	if !ok {
		return hub.Fail(hub.Unavailable, reasonLost, "%s: %w", what, err)
	}
	why, known := meanings[e.Code]
	switch {
	case e.Code == amqp.PreconditionFailed:
		why = precondition(e.Reason)
	case !known:
		why = meaning{reasonLost, "connection lost: "}
	}
	return hub.Fail(hub.Unavailable, why.reason, "%s: %s%s", what, why.words, detail(e))
}

// meaning is what an error of the server means: the reason of ours, and the words that begin its text.
type meaning struct{ reason, words string }

// meanings has those that the code tells. All others mean that the connection is lost.
var meanings = map[int]meaning{
	amqp.NotFound:       {reasonTopology, "not there: "},
	amqp.AccessRefused:  {"access_refused", ""},
	amqp.ResourceLocked: {reasonTopology, "another connection has it for itself: "},
	amqp.CommandInvalid: {reasonTopology, ""},
	amqp.NotAllowed:     {reasonTopology, ""},
	amqp.NotImplemented: {reasonTopology, ""},
}

// precondition returns the meaning of a precondition-failed error. Its text is all that tells the causes apart.
func precondition(text string) meaning {
	switch {
	case strings.Contains(text, "delivery acknowledgement") && strings.Contains(text, "timed out"):
		return meaning{reasonHeld, "held too long for the consumer_timeout of the server: "}
	case strings.Contains(text, "inequivalent arg") || strings.Contains(text, "invalid arg"):
		return meaning{reasonTopology, "declared with other arguments: "}
	}
	return meaning{reasonProtocol, ""}
}

// detail returns the server's text without the code that it begins with.
func detail(e *amqp.Error) string {
	text := e.Reason
	if code, rest, ok := strings.Cut(text, " - "); ok && code == strings.ToUpper(code) {
		text = rest
	}
	return text
}
