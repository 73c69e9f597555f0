package engine_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"orderhub/hub/engine"
)

// TestRecorderSurvivesKill runs itself as a process that records and is killed.
func TestRecorderSurvivesKill(t *testing.T) {
	if path := os.Getenv("RECORDER"); path != "" {
		r, _, err := engine.OpenRecorder(path)
		if err != nil {
			t.Fatal(err)
		}
		r.End(r.Begin(7))
		r.Begin(8)
		r.Begin(9)
		os.WriteFile(path+".ready", nil, 0o600)
		time.Sleep(time.Hour) // it is killed
		return
	}
	path := filepath.Join(t.TempDir(), "running")
	cmd := exec.Command(os.Args[0], "-test.run=TestRecorderSurvivesKill")
	cmd.Env = append(os.Environ(), "RECORDER="+path)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 6000 {
		if _, err := os.Stat(path + ".ready"); err == nil {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGKILL)
	cmd.Wait()
	r, running, err := engine.OpenRecorder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	slices.Sort(running)
	if !slices.Equal(running, []int64{8, 9}) {
		t.Errorf("running at the kill: %v", running)
	}
	r.Clear()
}

func TestRecorderFull(t *testing.T) {
	r, _, err := engine.OpenRecorder(filepath.Join(t.TempDir(), "running"))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	slot := 0
	for range 5000 {
		slot = r.Begin(1)
	}
	if slot != -1 {
		t.Errorf("slot %d of a full recorder", slot)
	}
	r.End(slot)
}
