package config

import (
	"context"
	"maps"
	"slices"
	"testing"

	"orderhub/stub"
)

// TestServices: the list of partners is that of the stubs.
func TestServices(t *testing.T) {
	w, err := stub.Start(stub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close(context.Background())
	if got := slices.Sorted(maps.Keys(w.URLs())); !slices.Equal(got, slices.Sorted(slices.Values(services))) {
		t.Errorf("services are %v, the stubs' are %v", services, got)
	}
}
