package pipelines_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
)

// startWith is start for configurations that name schemas/order.json.
func startWith(t *testing.T, yaml string, answers map[string]patterntest.Answer) *patterntest.Hub {
	t.Helper()
	path, err := filepath.Abs(filepath.Join("testdata", "lint", "common", "schemas", "order.json"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(path); err != nil {
		t.Fatal(err)
	}
	return start(t, strings.ReplaceAll(yaml, "schemas/order.json", path), answers)
}

func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// answer gives the same answer to every call.
func answer(body string) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return &hub.Message{Body: hub.NewBody([]byte(body)), Headers: hub.Headers{hub.HeaderStatus: "200"}}, nil
	}
}

// failing answers every call with an error of the class.
func failing(class hub.Class) patterntest.Answer {
	return func(context.Context, *hub.Message) (*hub.Message, error) {
		return nil, hub.Fail(class, "far_end", "the far end says %s", class)
	}
}

// refused is the error that a pipeline whose source waits gave back.
func refused(t *testing.T, h *patterntest.Hub, pipeline, body string) *hub.Error {
	t.Helper()
	_, err := h.In(pipeline, h.Message("m1", body))
	if err == nil {
		t.Fatal("the message was taken")
	}
	return hub.AsError(err)
}
