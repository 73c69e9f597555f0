package kafka

import (
	"testing"

	"orderhub/hub/figures"
)

// How far a group is behind is told by partition: all of a log that it has not begun, and what came since it stopped.
func TestFiguresTellTheLag(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	topic := s.topic(1)
	a := s.adapter(nil)
	src := s.source(a, "topic "+topic, "g."+topic, nil)
	lag := func() float64 {
		t.Helper()
		to := &figures.Set{}
		if err := a.Figures(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		return to.Snapshot().Sum(figures.Lag, "", "topic "+topic, "0")
	}
	s.number(topic, 0, 12)
	if n := lag(); n != 12 {
		t.Errorf("before it reads it is %v behind", n)
	}
	s.readSome(src, 12)
	if n := lag(); n != 0 {
		t.Errorf("after it read all it is %v behind", n)
	}
	s.number(topic, 12, 17)
	if n := lag(); n != 5 {
		t.Errorf("of five new records it is %v behind", n)
	}
}
