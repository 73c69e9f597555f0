package sql

import (
	"testing"

	"orderhub/hub/figures"
)

// The rows that wait are counted by the source's own condition, up to a bound.
func TestFiguresCountRows(t *testing.T) {
	t.Parallel()
	d := newDB(t, pollTable)
	d.exec("insert into orders (id, n) select i, i from generate_series(1, 20) i")
	d.exec("update orders set state = 'taken' where id <= 13")
	a := d.open(nil)
	a.source("poll orders", polling())
	count := func() float64 {
		t.Helper()
		to := &figures.Set{}
		if err := a.Figures(t.Context(), to); err != nil {
			t.Fatal(err)
		}
		return to.Snapshot().Sum(figures.Lag, "", "poll orders")
	}
	if n := count(); n != 7 {
		t.Errorf("%v rows wait", n)
	}
	d.exec("insert into orders (id, n) select i, i from generate_series(21, $1) i", maxLag+50)
	if n := count(); n != maxLag {
		t.Errorf("%v rows are counted", n)
	}
}
