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
	switch e.Code {
	case amqp.NotFound:
		return hub.Fail(hub.Unavailable, reasonTopology, "%s: not there: %s", what, detail(e))
	case amqp.PreconditionFailed:
		return hub.Fail(hub.Unavailable, precondition(e.Reason), "%s: %s%s", what, preconditions[precondition(e.Reason)], detail(e))
	case amqp.AccessRefused:
		return hub.Fail(hub.Unavailable, "access_refused", "%s: %s", what, detail(e))
	case amqp.ResourceLocked:
		return hub.Fail(hub.Unavailable, reasonTopology, "%s: another connection has it for itself: %s", what, detail(e))
	case amqp.CommandInvalid, amqp.NotAllowed, amqp.NotImplemented:
		return hub.Fail(hub.Unavailable, reasonTopology, "%s: %s", what, detail(e))
	}
	return hub.Fail(hub.Unavailable, reasonLost, "%s: connection lost: %s", what, detail(e))
}

// preconditions begins the texts of precondition-failed errors by their reason.
var preconditions = map[string]string{
	reasonTopology: "declared with other arguments: ",
	reasonHeld:     "held too long for the consumer_timeout of the server: ",
	reasonProtocol: "",
}

// precondition returns the reason of a precondition-failed error. Its text is all that tells the causes apart.
func precondition(text string) string {
	switch {
	case strings.Contains(text, "delivery acknowledgement") && strings.Contains(text, "timed out"):
		return reasonHeld
	case strings.Contains(text, "inequivalent arg") || strings.Contains(text, "invalid arg"):
		return reasonTopology
	}
	return reasonProtocol
}

// detail returns the server's text without the code that it begins with.
func detail(e *amqp.Error) string {
	text := e.Reason
	if code, rest, ok := strings.Cut(text, " - "); ok && code == strings.ToUpper(code) {
		text = rest
	}
	return text
}
