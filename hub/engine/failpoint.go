//go:build failpoint

package engine

import (
	"os"
	"strings"
)

// failpoint ends the process as a crash would when HUB_FAIL is
// "name:text" and the subject contains the text.
func failpoint(name, subject string) {
	place, text, ok := strings.Cut(os.Getenv("HUB_FAIL"), ":")
	if ok && place == name && strings.Contains(subject, text) {
		os.Exit(86)
	}
}
