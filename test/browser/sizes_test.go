package browser

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestSizes: every page of a hub with much in it begins soon, tells the true numbers, and is no larger than 60 kB. HUB_TEST_SIZES=1 is the long form:
// 1,000,000 messages, 100,000 open instances with a task each, 50,000 dead letters, and the quickest of ten answers begins within 200 ms.
func TestSizes(t *testing.T) {
	messages, instances, dead, most, times := 5_000, 12_000, 2_000, 5*time.Second, 2
	if os.Getenv("HUB_TEST_SIZES") != "" {
		messages, instances, dead, most, times = 1_000_000, 100_000, 50_000, 200*time.Millisecond, 10
	}
	s := newSite(t)
	s.act("/pause?name=work") // what waits for it shall stay
	s.post("/parcels", order{ID: "P-1", Email: "ann@example.com", Total: 7})
	s.until("the task is there", func() bool { return strings.Contains(s.get("/tasks"), "P-1") })
	s.stop()
	fill := exec.Command("go", "run", "./bench/fill", "-store", s.store(), "-queue", "todo", "-n", fmt.Sprint(messages), "-dead", fmt.Sprint(dead), "-instances", fmt.Sprint(instances-1))
	fill.Dir = filepath.Join("..", "..")
	out, err := fill.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
	s.start()
	for page, number := range map[string]int{"/": instances, "/tasks": instances, "/processes": instances, "/process?name=parcel": instances, "/pipelines": messages, "/channels": messages} {
		if !strings.Contains(s.get(page), thousands(number)) {
			t.Errorf("%s does not tell of %d", page, number)
		}
	}
	pages := append(s.pages(), "/messages?q=nothing", "/messages?q=P-M00000700", "/process?name=parcel&state=packed", "/tasks?group=order-desk", "/channel?name=todo&match=body.id+%3D%3D+%22x%22")
	for _, page := range pages {
		var took []time.Duration
		size, before := 0, s.cpu()
		for i := range times {
			separator := "?"
			if strings.Contains(page, "?") {
				separator = "&"
			}
			var d time.Duration
			d, size = s.firstByte(fmt.Sprint(page, separator, "n=", i)) // another address each time: a page that was just made is kept
			took = append(took, d)
		}
		first := took[0]
		slices.Sort(took)
		t.Logf("| `%s` | %.1f | %.1f | %.1f | %.1f | %d |", page, ms(first), ms(took[0]), ms(took[times/2]), ms(s.cpu()-before)/float64(times), size)
		if took[0] > most || size > 60_000 {
			t.Errorf("%s begins after %v, and has %d bytes", page, took[0], size)
		}
	}
}

// cpu is the time that the hub has used of processors.
func (s *site) cpu() time.Duration {
	s.t.Helper()
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", s.hub.Process.Pid))
	if err != nil {
		s.t.Fatal(err)
	}
	fields := strings.Fields(string(raw[bytes.LastIndexByte(raw, ')'):]))
	ticks := 0 // of a hundredth of a second, in user and system mode: fields 14 and 15 of proc(5)
	for _, text := range fields[12:14] {
		n, err := strconv.Atoi(text)
		if err != nil {
			s.t.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * 10 * time.Millisecond
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// firstByte is how long it takes until a page begins, and its size.
func (s *site) firstByte(page string) (time.Duration, int) {
	s.t.Helper()
	var first time.Time
	req, err := http.NewRequest("GET", s.console+page, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	req = req.WithContext(httptrace.WithClientTrace(req.Context(), &httptrace.ClientTrace{GotFirstResponseByte: func() { first = time.Now() }}))
	began := time.Now()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return first.Sub(began), len(raw)
}
