package system

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"orderhub/stub"
)

// bytesOf are the files of a folder that hold a text.
func bytesOf(t *testing.T, dir, text string) (files []string) {
	t.Helper()
	err := filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		if err != nil || !info.Mode().IsRegular() || strings.HasSuffix(path, "hub.log") {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(bytes.ToLower(raw), []byte(text)) {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestForget: what a person left in all places of the store is erased, so that no search and no look at the bytes finds it; what others left stays.
func TestForget(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"sqlite", "postgres"} {
		t.Run(name, func(t *testing.T) {
			s := newSite(t, "", stub.Options{})
			data := filepath.Join(s.dir, "hub.db")
			s.env = append(s.env, "HUB_STORE=sqlite:"+data)
			if name == "postgres" {
				url, _ := needPostgres(t)
				s.env = append(s.env, "HUB_STORE="+url)
			}
			s.edit("  index: [customer.id", "  keep_bodies: 1d\n  index: [customer.id")
			s.start()
			const jane, bob = "jane.forgotten@example.com", "bob.remembered@example.com"
			user := func(id, mail string) string {
				return fmt.Sprintf(`"user":{"id":%q,"name":"%s Surname","email":%q}`, id, mail[:4], mail)
			}
			s.post("/orders", order("W-1", user("C-1", jane)))
			s.post("/orders", order("W-2", user("C-2", bob)))
			s.reach("W-1", "done")
			s.reach("W-2", "done")
			s.quiet()
			s.post("/orders", order("W-3", user("NO-7", jane)))                                                 // is a dead letter
			if a := s.do("POST", "/orders", order("W-4", user("C-1", jane)+`,"total":-1`)); a.status/100 != 4 { // is refused
				t.Errorf("a wrong order: %s", a)
			}
			s.until("W-3 is a dead letter", func() bool { return s.status().dead() == 1 })
			s.hub("find", jane, "--personal")
			if out, err := s.hub("find", jane); err != nil || !strings.Contains(out, "W-1") {
				t.Fatalf("find: %v\n%s", err, out)
			}

			s.fault(stub.Fault{Service: "billing", Op: "charge", Status: 503})
			s.post("/orders", order("W-5", user("C-1", jane)))
			s.until("W-5 waits", func() bool { n, _ := s.status().queue("process order"); return n > 0 })
			if out, err := s.hub("forget", jane, "--why", "request 1", "--yes"); exitCode(err) != 1 || !strings.Contains(out, "under way") || !strings.Contains(out, "W-5") {
				t.Errorf("while an order is under way: %v\n%s", err, out)
			}
			s.world.ClearFaults()
			s.reach("W-5", "done")
			s.quiet()

			out, err := s.hub("forget", jane, "--why", "request 1", "--dry-run")
			if err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			has(t, out, "W-1, W-3, W-5", "process order W-1")
			if strings.Contains(out, "bodies    0") {
				t.Errorf("no bodies were kept:\n%s", out)
			}
			if out, err := s.hub("forget", jane, "--why", "request 1", "--yes"); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, what := range [][]string{{jane}, {"--text", jane}, {"--text", "Jane Surname"}, {"--order", "W-1"}, {"--order", "W-3"}} {
				out, err := s.hub(append([]string{"find", "--scan"}, what...)...)
				if exitCode(err) != 1 {
					t.Errorf("find %v: %v\n%s", what, err, out)
				}
			}
			if files := bytesOf(t, s.dir, jane); len(files) > 0 {
				t.Errorf("bytes of the person are in %v", files)
			}
			dir := t.TempDir()
			if out, err := s.hub("backup", filepath.Join(dir, "copy")); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if files := bytesOf(t, dir, jane); len(files) > 0 {
				t.Errorf("bytes of the person are in a backup")
			}
			if files := bytesOf(t, dir, bob); len(files) != 1 {
				t.Errorf("nothing of others is in a backup")
			}
			if out, err := s.hub("verify"); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			same(t, "the other order", s.view("W-2").State, "done")
			if a := s.do("GET", "/orders/W-1", ""); a.status != http.StatusNotFound {
				t.Errorf("the order: %s", a)
			}
			log, _ := s.hub("audit", "export")
			if !strings.Contains(log, `"act":"forget"`) || !strings.Contains(log, "request 1") || strings.Contains(log, jane) {
				t.Errorf("the audit log:\n%s", log)
			}
			if out, err := s.hub("audit", "verify"); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			s.post("/orders", order("W-9", user("C-9", bob)))
			s.reach("W-9", "done")
		})
	}
}
