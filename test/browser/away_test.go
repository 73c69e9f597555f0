package browser

import "testing"

// TestAway: an overview of an empty hub says that all is well, and says so when the hub no longer answers.
func TestAway(t *testing.T) {
	s := newSite(t)
	b := open(t, s.console)
	b.expected = []string{"/live?at=%2F", "net::ERR_CONNECTION_REFUSED"}
	b.visit("/")
	b.sees("Nothing fails, and no task is late.")
	b.soon("nothing is lost", `document.getElementById("lost").hidden`)
	s.stop()
	b.sees("The hub does not answer. This page shows what it was")
}
