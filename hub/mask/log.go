package mask

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// LogHandler is h with all that m hides masked in the message and in every
// attribute. Errors are as they say of themselves that they are to be logged: see hub.Error.Logged.
func (m *Masker) LogHandler(h slog.Handler) slog.Handler { return &maskedLog{h, m} }

type maskedLog struct {
	slog.Handler
	mask *Masker
}

// Handle masks r and hands it on.
func (l *maskedLog) Handle(ctx context.Context, r slog.Record) error {
	c := slog.NewRecord(r.Time, r.Level, l.mask.Text(r.Message), r.PC)
	r.Attrs(func(a slog.Attr) bool {
		c.AddAttrs(l.attr(a))
		return true
	})
	return l.Handler.Handle(ctx, c)
}

// WithAttrs masks the attributes once.
func (l *maskedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	masked := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		masked[i] = l.attr(a)
	}
	return &maskedLog{l.Handler.WithAttrs(masked), l.mask}
}

// WithGroup is the handler for the attributes of a group.
func (l *maskedLog) WithGroup(name string) slog.Handler {
	return &maskedLog{l.Handler.WithGroup(name), l.mask}
}

func (l *maskedLog) attr(a slog.Attr) slog.Attr {
	v := a.Value.Resolve()
	switch v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, l.mask.Text(v.String()))
	case slog.KindGroup:
		group := make([]slog.Attr, 0, len(v.Group()))
		for _, inner := range v.Group() {
			group = append(group, l.attr(inner))
		}
		return slog.Attr{Key: a.Key, Value: slog.GroupValue(group...)}
	case slog.KindAny:
		text := fmt.Sprint(v.Any())
		if err, ok := v.Any().(error); ok {
			if e, ok := errors.AsType[loggedError](err); ok {
				text = strings.Replace(text, e.Error(), e.Logged(), 1)
			}
		}
		return slog.String(a.Key, l.mask.Text(text))
	}
	return a
}

// loggedError is an error with a text for the log.
type loggedError interface {
	error
	Logged() string
}
