package postgres

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"orderhub/hub"
)

// lostError is an error of the connection: it says nothing of what was asked.
type lostError struct{ error }

func (e lostError) Unwrap() error { return e.error }

// lost marks err when it ended the connection, when there was none, or when PostgreSQL did not answer in time.
func lost(c *pgx.Conn, err error) error {
	if err != nil && (c == nil || c.IsClosed() || errors.Is(err, context.DeadlineExceeded)) {
		return lostError{err}
	}
	return err
}

// sqlState is PostgreSQL's code of an error; "" when it is none of its.
func sqlState(err error) string {
	if e, ok := errors.AsType[*pgconn.PgError](err); ok {
		return e.Code
	}
	return ""
}

var errNotEntered = errors.New("this hub is not entered in the store")

// away tells that PostgreSQL can't be reached, or can't work now.
func away(err error) bool {
	if _, ok := errors.AsType[lostError](err); ok || errors.Is(err, errNotEntered) {
		return true
	}
	switch code := sqlState(err); {
	case strings.HasPrefix(code, "08"), // no connection
		strings.HasPrefix(code, "57P"),                  // it starts, or stops
		strings.HasPrefix(code, "53") && !noSpace(code), // it has no memory, or no more connections
		strings.HasPrefix(code, "28"),                   // the password is being changed
		code == "25006":                                 // a standby
		return true
	}
	return false
}

// again tells an error that another try of the same may not meet: a deadlock, a timeout, a race for a unique name.
func again(err error) bool {
	switch sqlState(err) {
	case "40001", "40P01", "55P03", "57014", "23505":
		return true
	}
	return false
}

// broken tells an error after which nothing more may be promised: damaged data, or tables that are gone.
func broken(err error) bool {
	switch sqlState(err) {
	case "XX001", "XX002", "42P01", "42703", "3F000":
		return true
	}
	return false
}

func noSpace(code string) bool { return code == "53100" }

// heard notes whether PostgreSQL answered.
func (s *Store) heard(err error) {
	gone := away(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !gone && !s.away.IsZero():
		s.away = time.Time{}
	case gone && s.away.IsZero():
		s.away = time.Now()
	}
}

// gaveUp tells whether a call that began then has waited long enough: while
// PostgreSQL stays away, only the first ones wait.
func (s *Store) gaveUp(begun time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.away.IsZero() && s.away.Before(begun) {
		begun = s.away
	}
	return time.Since(begun) > s.o.Patience
}

// unavailable is the error of a call that gave up. It costs a message no attempt.
func (s *Store) unavailable(err error) error {
	return hub.Fail(hub.Unavailable, hub.NotConnected, "store %s is away: %w", s.place, err)
}

// pause is how long to wait before another try.
func pause(try int) time.Duration {
	return min(time.Duration(try)*20*time.Millisecond, 500*time.Millisecond)
}
