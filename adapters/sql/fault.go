package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
)

const (
	reasonLost   = "connection_lost"
	reasonSchema = "schema"
	reasonSerial = "serialization"
	reasonRight  = "permission"
	reasonRead   = "read_only"
	reasonLocked = "locked"
)

// fault classifies an error of a connection that was used for what ctx bounds.
func (s *session) fault(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if _, ok := errors.AsType[*hub.Error](err); ok {
		return err
	}
	e, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case ctx.Err() != nil && (!ok || e.Code == canceled):
		return hub.GaveUp(ctx, "no answer")
	case !ok:
		return hub.Fail(hub.Unavailable, reasonLost, "connection to %s lost: %s", s.a.address(), oneLine(err))
	case stale(e):
		s.a.pool.Reset()
	}
	class, reason := classify(e.Code)
	return &hub.Error{Class: class, Reason: reason, Err: &refusal{describe(e), e}}
}

// refusal is an error of the server with a text for people.
type refusal struct {
	text string
	err  *pgconn.PgError
}

func (r *refusal) Error() string { return r.text }
func (r *refusal) Unwrap() error { return r.err }

const canceled = "57014"

// rule is what SQLSTATEs that begin so mean.
type rule struct {
	state  string // the first of the table that fits counts
	class  hub.Class
	reason string
}

// rules: what a message is at fault for is refused; what the deployment is at fault for (a missing table, a right) waits for
// somebody to correct it. A state that is in no class of PostgreSQL's is one that the database's own code raises.
var rules = []rule{
	{"40001", hub.Unavailable, reasonSerial}, {"40P01", hub.Unavailable, reasonSerial}, {"40002", hub.Rejected, "constraint"}, {"40", hub.Unavailable, reasonLost},
	{"23505", hub.Rejected, "conflict"}, {"23P01", hub.Rejected, "conflict"}, {"23", hub.Rejected, "constraint"}, {"44", hub.Rejected, "constraint"}, {"27", hub.Rejected, "constraint"},
	{"22", hub.Invalid, "bad_value"}, {"21", hub.Invalid, "bad_value"},
	{"57014", hub.Timeout, "timeout"}, {"25P04", hub.Timeout, "timeout"}, {"55P03", hub.Unavailable, reasonLocked},
	{"25006", hub.Unavailable, reasonRead},
	{"42501", hub.Unavailable, reasonRight}, {"42", hub.Unavailable, reasonSchema}, {"3D", hub.Unavailable, reasonSchema}, {"3F", hub.Unavailable, reasonSchema},
	{"0A", hub.Unavailable, reasonSchema}, {"26", hub.Unavailable, reasonSchema},
	{"0L", hub.Unavailable, reasonRight}, {"0P", hub.Unavailable, reasonRight}, {"28", hub.Unavailable, reasonRight},
	{"08", hub.Unavailable, reasonLost}, {"57", hub.Unavailable, reasonLost}, {"25", hub.Unavailable, reasonLost},
	{"53", hub.Unavailable, "server"}, {"58", hub.Unavailable, "server"}, {"55", hub.Unavailable, "server"}, {"XX", hub.Unavailable, "server"}, {"F0", hub.Unavailable, "server"}, {"72", hub.Unavailable, "server"},
	{"54", hub.Rejected, "too_large"},
	{"", hub.Rejected, "raised"},
}

func classify(state string) (hub.Class, string) {
	for _, r := range rules {
		if strings.HasPrefix(state, r.state) {
			return r.class, r.reason
		}
	}
	panic("the last rule fits all")
}

// stale tells of a prepared statement that the server has forgotten, or that was made before a table changed.
func stale(e *pgconn.PgError) bool {
	return e.Code == "26000" || e.Code == "0A000" && strings.Contains(e.Routine, "RevalidateCachedQuery")
}

// again tells whether the same may be tried at once: nothing was done, and nobody is at fault.
func again(err error) bool {
	e, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (stale(e) || e.Code == "40001" || e.Code == "40P01")
}

// tries bounds the tries at once.
const tries = 3

// describe is what the server says, without the values that stand in its details.
func describe(e *pgconn.PgError) string {
	out := e.Message
	if e.Hint != "" {
		out += "; " + e.Hint
	}
	if e.ColumnName != "" && !strings.Contains(out, e.ColumnName) {
		out += fmt.Sprintf(" (column %s)", e.ColumnName)
	}
	return fmt.Sprintf("%s (SQLSTATE %s)", oneLine(errors.New(out)), e.Code)
}

// oneLine is an error's text, cut, without line ends.
func oneLine(err error) string {
	return fmt.Sprintf("%.400s", strings.Join(strings.Fields(err.Error()), " "))
}
