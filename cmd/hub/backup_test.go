package main

import (
	"database/sql"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"orderhub/hub/store"
)

// TestBackupVerbs: of a hub that runs and of a store without one, what is told, the codes and the records of who did it.
func TestBackupVerbs(t *testing.T) {
	t.Cleanup(func() { goleak.VerifyNone(t) })
	s := newSite(t, shop)
	t.Setenv("HUB_STORE", "sqlite:"+filepath.Join(s.dir, "hub.db"))
	file := filepath.Join(s.dir, "live.backup")
	s.hub(3, "backup", file)
	s.hub(3, "verify")
	s.hub(3, "forget", "jane@example.com", "--why", "x")
	s.start()
	s.hub(0, "pause", "work")
	s.hub(0, "send", "intake", `{"id":1,"total":5,"kind":"web"}`)
	has(t, s.hub(0, "backup", file, "--by", "ann"), "messages  1 ready", "nothing", "by hub")
	s.hub(1, "backup", file)
	s.hub(78, "verify", "sqlite:"+filepath.Join(s.dir, "hub.db"))
	s.hub(78, "verify", filepath.Join(s.dir, "hub.db"))
	has(t, s.hub(0, "verify"), "1 ready")
	s.hub(2, "forget", "jane@example.com")
	s.hub(2, "forget", "--why", "x")
	has(t, s.hub(1, "forget", "C-17", "--why", "x"), "too short")
	has(t, s.hub(1, "forget", "jane@example.com", "--why", "jane@example.com asks"), "names the person")
	has(t, s.hub(0, "forget", "jane@example.com", "--why", "x", "--dry-run"), "history   0")
	has(t, s.hub(0, "forget", "jane@example.com", "--why", "x"), "history   0")
	s.hub(0, "send", "intake", `{"id":2,"total":5,"kind":"jane@example.com"}`)
	has(t, s.hub(1, "forget", "jane@example.com", "--why", "x", "--yes"), "under way", "nothing was erased")
	has(t, s.hub(0, "verify"), "2 ready")
	s.stop()

	var c store.Contents
	if err := json.Unmarshal([]byte(s.hub(0, "verify", file, "-o", "json")), &c); err != nil || c.Messages["ready"] != 1 || c.Taken.IsZero() {
		t.Errorf("%+v: %v", c, err)
	}
	has(t, s.hub(0, "verify", "sqlite:"+filepath.Join(s.dir, "hub.db")), "2 ready")
	has(t, s.hub(0, "verify"), "2 ready")
	s.hub(0, "backup", filepath.Join(s.dir, "still.backup"), "--why", "moves")
	has(t, s.hub(0, "audit", "list", "--act", "backup"), "moves", "still.backup", "ann", file)
	s.hub(78, "verify", filepath.Join(s.dir, "none"))
	s.hub(78, "verify", "sqlite:"+filepath.Join(s.dir, "none"))
	s.hub(78, "verify", s.config+"/deeper")
	s.hub(2, "restore", file)
	s.hub(78, "restore", file, "--to", "memory:")
	s.hub(78, "restore", file, "--to", "sqlite:"+filepath.Join(s.dir, "hub.db"))

	to := "sqlite:" + filepath.Join(s.dir, "new", "hub.db")
	s.hub(0, "restore", file, "--to", to, "--by", "bob")
	t.Setenv("HUB_STORE", to)
	has(t, s.hub(0, "audit"), "bob", "restore")
	s.start()
	s.hub(0, "resume", "work")
	await(t, "the message has run", func() bool { return !strings.Contains(s.hub(0, "verify"), "1 ready") })
	s.stop()

	db, err := sql.Open("sqlite", filepath.Join(s.dir, "new", "hub.db"))
	if err == nil {
		_, err = db.Exec("UPDATE history SET events=X'00'")
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(s.dir, "bad.backup")
	has(t, s.hub(74, "verify"), "damaged", "can't be read")
	has(t, s.hub(74, "backup", bad), "can't be read") // it is made nevertheless
	s.hub(74, "verify", bad)
	has(t, s.hub(74, "restore", bad, "--to", "sqlite:"+filepath.Join(s.dir, "other.db")), "nothing was restored")
}
