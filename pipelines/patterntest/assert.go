package patterntest

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub"
)

// Want reports texts that are not as wanted.
func Want(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n got  %q\n want %q", what, got, want)
	}
}

// WaitingBodies are the bodies of the messages that wait in the queue, in order.
func (h *Hub) WaitingBodies(queue string) []string { return Bodies(Messages(h.Waiting(queue))) }

// Refused is the error that the caller of pipeline p is told for a message M with the body: class, reason, place and message.
func (h *Hub) Refused(t testing.TB, body string) string {
	t.Helper()
	_, err := h.In("p", h.Message("M", body))
	if err == nil {
		t.Fatalf("%s was taken", body)
	}
	e := hub.AsError(err)
	return fmt.Sprintf("%s %s %s %s: %s", e.Class, e.Reason, e.Where, filepath.Base(e.Line), e.Error())
}

// Faults loads each case and reports those that are not told as one error at
// their place with their help. A case is {steps, the problem with its place, the help}.
func Faults(t *testing.T, config func(steps string) Config, cases map[string][3]string) {
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := Problems(t, config(c[0]))
			if !strings.Contains(got, "pipelines.yaml:"+c[1]) || !strings.Contains(got, "help: "+c[2]) || strings.Count(got, "error[") != 1 {
				t.Errorf("got\n%s\nwant one error: %s\nhelp: %s", got, c[1], c[2])
			}
		})
	}
}
