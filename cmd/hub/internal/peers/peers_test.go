package peers

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/pipelines"
)

// knows is a hub that knows a trace by some IDs.
func knows(name string, t *api.Trace, by ...string) Hub {
	return Hub{name, func(_ context.Context, ids []string) (*api.Trace, error) {
		if slices.ContainsFunc(by, func(id string) bool { return slices.Contains(ids, id) }) {
			return t, nil
		}
		return nil, api.NotFoundf("nothing is known")
	}}
}

func at(second int, where string) api.TraceEvent {
	return api.TraceEvent{Time: time.Unix(int64(second), 0), Where: where}
}

// TestTrace: what hubs know is followed from one to the next, whoever knows it by what, and is one timeline.
func TestTrace(t *testing.T) {
	own := knows("own", &api.Trace{State: api.Done, Correlations: []string{"W-1"}, Traces: []string{"t1"}, Roots: []string{"m"}, Events: []api.TraceEvent{at(1, "a"), at(4, "d")}}, "W-1", "m", "last", "t2")
	east := knows("east", &api.Trace{State: api.Moving, Correlations: []string{"E-9"}, Traces: []string{"t1", "t2"}, Events: []api.TraceEvent{at(2, "b")}, Stored: []api.Stored{{Seq: 7}}}, "t1")
	west := knows("west", &api.Trace{State: api.Dead, Traces: []string{"t2"}, Events: []api.TraceEvent{at(3, "c")}}, "E-9")
	away := Hub{"away", func(context.Context, []string) (*api.Trace, error) { return nil, errors.New("connection refused") }}
	for _, id := range []string{"W-1", "E-9", api.Last} {
		v, err := Trace(t.Context(), id, []Hub{own, east, west, away})
		if err != nil {
			t.Fatal(err)
		}
		var told []string
		for _, e := range v.Events {
			told = append(told, e.Hub+" "+e.Where)
		}
		if id == "E-9" { // east knows it by t1 alone, which only own tells: own is asked for west's t2
			slices.Sort(told)
		}
		want := []string{"own a", "east b", "west c", "own d"}
		if id == "E-9" {
			slices.Sort(want)
		}
		if !slices.Equal(told, want) || v.State != api.Moving || len(v.Stored) != 1 || v.Stored[0].Hub != "east" || len(v.Unasked) != 1 || v.Unasked[0].Hub != "away" {
			t.Errorf("%s: %q, %s, stored %v, not asked %v", id, told, v.State, v.Stored, v.Unasked)
		}
	}
	if _, err := Trace(t.Context(), "X", []Hub{own, east}); err == nil || hub.AsError(err).Error() != "nothing is known" {
		t.Errorf("of what nobody knows: %v", err)
	}
	if _, err := Trace(t.Context(), "W-1", []Hub{away, own}); err == nil {
		t.Error("the error of this hub is not told")
	}
}

// TestUnasked: a peer that refuses, that answers something else, that is not there or does not answer is told in one line, within two seconds.
func TestUnasked(t *testing.T) {
	serve := func(h http.HandlerFunc) string {
		s := httptest.NewServer(h)
		t.Cleanup(s.Close)
		return s.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := "http://" + l.Addr().String()
	l.Close()
	hubs := []Hub{knows("own", &api.Trace{State: api.Done, Events: []api.TraceEvent{at(1, "a")}}, "W-1")}
	for _, c := range [][2]string{{"refuses", serve(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })},
		{"other", serve(func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) })},
		{"elsewhere", serve(func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://127.0.0.1:1", http.StatusFound)
		})},
		{"nothing", serve(http.NotFound)}, {"gone", gone}, {"slow", serve(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })}} {
		hubs = append(hubs, Of(c[0], pipelines.Peer{URL: c[1] + "/", Token: "secret"}))
	}
	began := time.Now()
	v, err := Trace(t.Context(), "W-1", hubs)
	if err != nil || len(v.Events) != 1 || len(v.Unasked) != 6 {
		t.Fatalf("%v, %+v", err, v)
	}
	if took := time.Since(began); took > patience+5*time.Second {
		t.Errorf("it took %v", took)
	}
	for i, want := range []string{"401", "invalid character", "302", "404", "refused", "no answer within 2s"} {
		if u := v.Unasked[i]; u.Hub != hubs[i+1].Name || !strings.Contains(u.Why, want) || strings.Contains(u.Why, "\n") {
			t.Errorf("%+v, want %q", u, want)
		}
	}
}
