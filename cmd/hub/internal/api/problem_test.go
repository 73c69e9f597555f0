package api

import (
	"errors"
	"testing"

	"orderhub/hub"
)

// TestClassStatus: the classes are told as the http-server tells them.
func TestClassStatus(t *testing.T) {
	for class, status := range map[hub.Class]int{hub.Invalid: 422, hub.Rejected: 409, "out_of_stock": 409, hub.Timeout: 504, hub.Unavailable: 503, hub.Throttled: 429, hub.Bug: 500} {
		if e := ProblemOf(&hub.Error{Class: class, Err: errors.New("x")}); e.Status != status {
			t.Errorf("%s is %d, expected %d", class, e.Status, status)
		}
	}
}
