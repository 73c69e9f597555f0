package hub

import (
	"encoding/json"
	"errors"
	"math"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// How errors travel: what an answerer tells of an error to who asked it, and what
// the asker makes of it. Class and reason are the same on both sides, whatever
// carries the answer, so that the asker's own `errors:` decides by the classes
// that the answerer names. The answerer's reactions ran where it failed, once.
//
//	carrier      who asks sees
//	the store    the error itself: class, reason, text, place and causes
//	AMQP, Kafka  a reply with the headers status, error-class, error-reason,
//	and STOMP    error-partial and retry-after, and a body application/problem+json with class,
//	             reason, detail (the text) and errors (the fields)
//	HTTP         the same as a response: the status is its status, the headers are
//	             Error-Class, Error-Reason, Error-Partial and Retry-After
//
//	class        status  another answer
//	invalid      422     HTTP: 400, 404 or 413 for faults of the body's form
//	rejected     409
//	timeout      504
//	unavailable  503     HTTP: 507 when the disk is full
//	throttled    429     HTTP: 503 when a queue is full
//	bug          500
//	of `fail:`   409
//
// An answerer tries what failed for now (a class that its retry takes) again, until
// the request expires: then who asked reads `timeout`, whoever notices first. It
// tells such a class at once where its own `errors:` or `retry:` says so. An HTTP
// server tells every error at once: its client tries again.
//
// What is not the same: outside of the hub an error has its text only when that was
// written for whoever sent the message (see Tell), else words for its class, which
// say nothing of partners, addresses and files (see Public); over HTTP the texts
// of timeout, unavailable and throttled are the adapter's. Texts have 2,000 bytes at
// most, and 20 fields go along. The place, the causes, and reasons that are about
// the answerer alone (it stops, it has no connection to a third) stay with it: the
// asker reads the class as the reason.
var statuses = map[Class]int{Invalid: 422, Rejected: 409, Timeout: 504, Unavailable: 503, Throttled: 429, Bug: 500}

// Headers of an answer that says why there is no other.
const (
	HeaderErrorClass   = "error-class"
	HeaderErrorReason  = "error-reason"
	HeaderErrorPartial = "error-partial" // true: what was called before it is done, see Exchange.Outcome
)

// TypeProblem is the media type of an answer that says why there is no other: RFC 9457.
const TypeProblem = "application/problem+json"

const (
	maxFields = 20
	maxAfter  = 24 * time.Hour
)

// localReason tells that a reason is about the hub that gives it: to who asked it, it
// would say something else (that it was not asked, that its own hub stops).
func localReason(reason string) bool {
	return (&Error{Reason: reason}).Untried() || reason == ReasonConflict || reason == ReasonStopping
}

// className is what a class or a reason may be that comes from outside.
var className = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// Status is the status of an answer that says why there is no other.
func (c Class) Status() int {
	if s := statuses[c]; s != 0 {
		return s
	}
	return statuses[Rejected]
}

// Tell makes the text and the fields of e known to whoever sent the message. It is
// for errors that are about the message alone, in words of the pipeline's author
// or of ours: nothing of partners, addresses, files, or how we work inside.
func (e *Error) Tell() *Error {
	e.Told = true
	return e
}

// public are the words for outsiders where an error has none for them.
var public = map[Class]string{Invalid: "the message can't be handled as it is", Timeout: "no answer in time", Unavailable: "not available now; try again",
	Throttled: "too much at once; try again later", Bug: "internal error"}

// Public is what outsiders may read of e.
func (e *Error) Public() (text string, fields []FieldError) {
	_, said := errors.AsType[Said](e)
	switch {
	case e.Told && !said && e.Class != Bug:
		return Clip(e.Error(), MaxText), e.Fields[:min(len(e.Fields), maxFields)]
	case public[e.Class] != "":
		return public[e.Class], nil
	case said:
		return "a partner did not accept it", nil
	}
	return "it was not accepted", nil
}

// Said is what a partner's error says: a text for those who run the hub, never
// for another partner, nor for the log. It is the Err of an Error, or stands in its chain.
type Said string

func (s Said) Error() string { return string(s) }

// Logged is the text of e with all that led to it, for the log and the status: what
// partners said is left out, since it is about one message, whose history and dead letter have it.
func (e *Error) Logged() string {
	return e.chain(func(c *Error) string {
		text := c.Error()
		said, ok := errors.AsType[Said](c)
		switch {
		case !ok || said == "":
			return text
		case strings.Contains(text, string(said)):
			return strings.ReplaceAll(text, string(said), "…")
		}
		return c.Label()
	})
}

// Notice is the body of an answer that says why there is no other.
type Notice struct {
	Class  Class        `json:"class"`
	Detail string       `json:"detail"`
	Reason string       `json:"reason"`
	Errors []FieldError `json:"errors,omitempty"`
}

// NoticeOf is what e says to who asked.
func NoticeOf(e *Error) Notice {
	n := Notice{Class: e.Class, Reason: e.Reason}
	n.Detail, n.Errors = e.Public()
	if n.Reason == "" || localReason(n.Reason) {
		n.Reason = string(e.Class)
	}
	return n
}

// ErrorReply is the reply that tells the requester of m why there is no other.
func ErrorReply(m *Message, e *Error) *Message {
	n := NoticeOf(e)
	body, _ := json.Marshal(n) // texts always can
	h := Headers{HeaderContentType: TypeProblem, HeaderStatus: strconv.Itoa(e.Class.Status()), HeaderErrorClass: string(n.Class), HeaderErrorReason: n.Reason}
	if e.Partial {
		h[HeaderErrorPartial] = "true"
	}
	if e.After > 0 {
		h[HeaderRetryAfter] = strconv.Itoa(int(math.Ceil(e.After.Seconds())))
	}
	return &Message{ID: DeriveID(m.ID, "error"), Time: m.Time, Correlation: m.Correlation, Body: NewBody(body), Headers: h}
}

// ReplyError is the error that an answer tells of, from its headers and its body;
// nil: it is a reply as any other. A partner that is no hub may set the headers alone.
func ReplyError(header func(name string) string, body []byte) error {
	class, reason := Class(header(HeaderErrorClass)), header(HeaderErrorReason)
	if class == "" {
		return nil
	}
	if !className.MatchString(string(class)) {
		class = Rejected
	}
	if !className.MatchString(reason) || localReason(reason) {
		reason = string(class)
	}
	var n Notice
	_ = json.Unmarshal(body, &n) // another answerer may say nothing
	if n.Detail == "" {
		n.Detail = "answered with " + string(class) + " " + reason
	}
	e := &Error{Class: class, Reason: reason, Fields: n.Errors[:min(len(n.Errors), maxFields)], Err: Said(Clip(strings.ToValidUTF8(n.Detail, ""), MaxText)),
		Partial: header(HeaderErrorPartial) == "true"}
	if s, err := strconv.Atoi(header(HeaderRetryAfter)); err == nil && class.Transient() && s > 0 {
		e.After = min(time.Duration(s)*time.Second, maxAfter)
	}
	return e
}
