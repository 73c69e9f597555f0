// Package openapitest holds OpenAPI documents to the standard, and servers to
// their documents, for tests.
package openapitest

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	"orderhub/hub/hubtest"
)

// Validate fails the test unless the document is valid OpenAPI. A Python with
// pip is needed, the first time with a network: see hubtest.PythonClient.
func Validate(t *testing.T, document []byte) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "python3", "-c", "import json, sys; from openapi_spec_validator import validate; validate(json.load(sys.stdin))")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+hubtest.PythonClient(t, "openapi-spec-validator==0.9.0"))
	cmd.Stdin = bytes.NewReader(document)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the document is no valid OpenAPI: %v\n%s\n%s", err, out, document)
	}
}
