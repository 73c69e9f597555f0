// Package openapitest holds OpenAPI documents to the standard, and servers to
// their documents, for tests.
package openapitest

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// validator is the Python package that decides, at the version that is cached.
const validator = "openapi-spec-validator==0.9.0"

// Validate fails the test unless the document is valid OpenAPI. A Python with
// pip is needed, the first time with a network: without one the test is
// skipped, and with HUB_TEST_SERVERS=1 it fails.
func Validate(t testing.TB, document []byte) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	folder, err := installed(ctx)
	if err != nil {
		if os.Getenv("HUB_TEST_SERVERS") == "1" {
			t.Fatalf("no OpenAPI validator: %v", err)
		}
		t.Skipf("no OpenAPI validator: %v", err)
	}
	cmd := exec.CommandContext(ctx, "python3", "-c", "import json, sys; from openapi_spec_validator import validate; validate(json.load(sys.stdin))")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+folder)
	cmd.Stdin = bytes.NewReader(document)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("the document is no valid OpenAPI: %v\n%s\n%s", err, out, document)
	}
}

// installed is the folder of the validator, which is made once per machine.
func installed(ctx context.Context) (string, error) {
	version, err := exec.CommandContext(ctx, "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").Output()
	if err != nil {
		return "", fmt.Errorf("python3: %w", err)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", err
	}
	cache = filepath.Join(cache, "orderhub-test")
	folder := filepath.Join(cache, strings.ReplaceAll(validator, "==", "-")+"-python-"+strings.TrimSpace(string(version)))
	if _, err := os.Stat(folder); err == nil {
		return folder, nil
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	fresh, err := os.MkdirTemp(cache, "pip-")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(fresh)
	pip := exec.CommandContext(ctx, "python3", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--target", fresh, validator)
	if out, err := pip.CombinedOutput(); err != nil {
		return "", fmt.Errorf("pip install %s: %w: %.300s", validator, err, out)
	}
	if err := os.Chmod(fresh, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, folder); err != nil {
		if _, there := os.Stat(folder); there != nil { // else another process was faster
			return "", err
		}
	}
	return folder, nil
}
