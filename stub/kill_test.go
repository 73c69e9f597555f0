package stub

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

const childLedger = "STUB_TEST_CHILD_LEDGER"

// TestChild is the other process of TestKill: a world that serves until it is killed.
func TestChild(t *testing.T) {
	path := os.Getenv(childLedger)
	if path == "" {
		t.Skip("runs as the child of TestKill")
	}
	w, err := Start(Options{LedgerPath: path})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("URL", w.URLs()["billing"])
	time.Sleep(time.Minute) // the parent kills it sooner
}

func TestKillLosesNoAnsweredEffect(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ledger.ndjson")
	answers := map[string]string{} // key -> body
	var mu sync.Mutex
	for round := range 2 {
		child := exec.Command(os.Args[0], "-test.run=^TestChild$")
		child.Env = append(os.Environ(), childLedger+"="+path)
		pipe, err := child.StdoutPipe()
		if err != nil || child.Start() != nil {
			t.Fatal("start the child:", err)
		}
		lines := bufio.NewScanner(pipe)
		for lines.Scan() && !strings.HasPrefix(lines.Text(), "URL ") {
		}
		url := strings.TrimPrefix(lines.Text(), "URL ") + "/charges"
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					key := fmt.Sprintf("%d-%d-%d", round, g, i)
					r, err := try("POST", url, key, `{"amount":1,"card":"tok_1"}`)
					if err != nil {
						return // killed
					}
					mu.Lock()
					answers[key] = r.body
					mu.Unlock()
				}
			})
		}
		await(t, "answers in full flight", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return len(answers) > 100*(round+1)
		})
		child.Process.Kill()
		wg.Wait()
		_ = child.Wait() // killed
	}
	w := world(t, Options{LedgerPath: path})
	if n := w.Ledger().Count("billing", "charge"); len(answers) == 0 || n < len(answers) || n > len(answers)+8 {
		t.Fatalf("%d effects, %d answers", n, len(answers))
	}
	for key, body := range answers {
		r := post(t, w.URLs()["billing"]+"/charges", key, `{"amount":1,"card":"tok_1"}`)
		if r.body != body || r.header.Get("Idempotent-Replayed") != "true" {
			t.Fatalf("%s: %+v, first %s", key, r, body)
		}
	}
}
