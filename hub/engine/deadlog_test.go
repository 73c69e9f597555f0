package engine

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"orderhub/hub"
)

// TestFault_V3_TextsThatDiffer: identifiers, times and counts in the words of a far end make no cause of its own.
func TestFault_V3_TextsThatDiffer(t *testing.T) {
	of := func(text string) string {
		return failure(hub.Fail(hub.Unavailable, "http_503", "%s", text), time.Time{}, "").Cause
	}
	want := of("answered 503: request 1 failed at 2026-11-29T21:00:00Z")
	for _, text := range []string{
		"answered 503: request 77 failed at 2027-01-02T03:04:05.678Z",
		"answered 503: request de305d54-75b4-431b-adb2-eb6b9e546014 failed at 21:00:01",
		"answered 503: request f3a9c failed at T+7",
		"answered 503: request ORD_7/x failed at x1",
	} {
		if of(text) != want {
			t.Errorf("a cause of its own: %s", text)
		}
	}
	if of("answered 503: the bank is closed") == want {
		t.Error("another cause is the same")
	}
}

// TestFault_V6_RecorderHasItsRoom: the flight recorder takes its room of the disk when it is opened; a hole in a mapped file ends the
// process when the disk is full.
func TestFault_V6_RecorderHasItsRoom(t *testing.T) {
	path := filepath.Join(t.TempDir(), "running")
	for _, before := range []int{-1, 0, 100, recorderSlots * 8, recorderSlots * 9} {
		os.Remove(path)
		if before >= 0 {
			if err := os.WriteFile(path, bytes.Repeat([]byte{0}, before), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		r, _, err := OpenRecorder(path)
		if err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if st := info.Sys().(*syscall.Stat_t); st.Blocks*512 < recorderSlots*8 || info.Size() != recorderSlots*8 {
			t.Errorf("of %d bytes before: %d bytes, %d of them on the disk", before, info.Size(), st.Blocks*512)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
