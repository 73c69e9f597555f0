package stomp

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"orderhub/hub"
)

const (
	reasonLost     = "connection_lost"
	reasonProtocol = "stomp_protocol"
	reasonTopology = "topology"
	reasonAccess   = "access_refused"
	reasonBlocked  = "blocked"
	reasonTooLarge = "header_too_large"
	reasonHeader   = "header_invalid"
	reasonBody     = "body_too_large"
	reasonHeld     = "consumer_timeout"
)

// fault classifies an error of a connection.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, os.ErrDeadlineExceeded):
		return broken("no heart-beat from the server")
	}
	if _, ok := errors.AsType[*hub.Error](err); ok {
		return err
	}
	return hub.Fail(hub.Unavailable, reasonLost, "connection lost: %w", err)
}

// serverErrors has the reasons of the ERROR frames that we know, by their header message in lower case.
var serverErrors = map[string]string{
	"not_found":                     reasonTopology,
	"precondition_failed":           reasonTopology,
	"resource_locked":               reasonTopology,
	"not_allowed":                   reasonTopology,
	"not_implemented":               reasonTopology,
	"command_invalid":               reasonTopology,
	"unknown destination":           reasonTopology,
	"invalid destination":           reasonTopology,
	"server cancelled subscription": reasonTopology,
	"access_refused":                reasonAccess,
	"bad connect":                   reasonAccess,
	"connection_forced":             reasonLost,
}

// serverError classifies an ERROR frame. The frame ends the connection, whatever the server does.
func serverError(f *frame) error {
	title := f.get("message")
	text := detail(f)
	reason := serverErrors[strings.ToLower(title)]
	switch {
	case strings.Contains(text, "inequivalent arg"):
		text = "declared with other arguments: " + text + "; /amq/queue/NAME takes a queue as it is"
	case strings.Contains(text, "delivery acknowledgement") && strings.Contains(text, "timed out"):
		text, reason = "held too long for the consumer_timeout of the server: "+text, reasonHeld
	case strings.EqualFold(title, "precondition_failed"): // of a message, not of the destination
		reason = reasonProtocol
	case reason == "":
		reason = reasonProtocol
	}
	return &hub.Error{Class: hub.Unavailable, Reason: reason, Err: refusal{text}}
}

// refusal is the text of an error that came with an ERROR frame.
type refusal struct{ text string }

func (e refusal) Error() string { return "the server says: " + e.text }

// detail returns the server's text without its code.
func detail(f *frame) string {
	title, text := f.get("message"), strings.Join(strings.Fields(string(f.body[:min(len(f.body), 500)])), " ")
	if code, rest, ok := strings.Cut(text, " - "); ok && strings.EqualFold(code, title) {
		return rest
	}
	switch {
	case text == "" || text == title:
		return fmt.Sprintf("%.500s", title)
	case title == "":
		return text
	}
	return fmt.Sprintf("%.200s: %s", title, text)
}
