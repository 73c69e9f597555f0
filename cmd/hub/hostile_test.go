package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// Orders whose numbers hold anything at all fail, wait for people and go on
// like others, and no view of the hub is worse for it.
func TestFault_M5_HostileNumbersInEveryView(t *testing.T) {
	s, b := newDesk(t, desk)
	b.broken.Store(true)
	numbers := []string{"W-1", "A/B", "..", "x\ny", "a\x00b", "\x00", "\x01", "\x1b[2J", "a\x00b\x00c", "%2F", " ", "ä\u2028"}
	for i, number := range numbers {
		for _, total := range []int{5, 500} { // to the gateway, and to a person
			body, err := json.Marshal(map[string]any{"id": fmt.Sprint(number, map[int]string{5: "", 500: "L"}[total]), "total": total, "card": "c"})
			if err != nil {
				t.Fatal(err)
			}
			resp, err := http.Post(s.ready.URLs["web"]+"/orders", "application/json", strings.NewReader(string(body)))
			if err != nil {
				t.Fatal(err)
			}
			resp.Body.Close()
			if resp.StatusCode != 202 {
				t.Errorf("%d: %q is answered %d", i, number, resp.StatusCode)
			}
		}
	}
	var status struct {
		Processes []struct {
			Stuck int `json:"stuck"`
		} `json:"processes"`
	}
	await(t, "all of them are stuck", func() bool {
		if err := json.Unmarshal([]byte(s.hub(0, "status", "-o", "json")), &status); err != nil {
			t.Fatal(err)
		}
		return strings.Count(s.hub(0, "process", "list", "order", "--stuck"), "billing") >= len(numbers)
	})
	await(t, "all tasks are there", func() bool { return strings.Count(s.hub(0, "task", "list"), "review") >= len(numbers) })
	for _, verb := range [][]string{{"status"}, {"report", "order"}, {"process", "list", "order"}, {"process", "list", "order", "--stuck"}, {"task", "list"}, {"dlq", "list"}, {"trace", "last"}} {
		for _, format := range []string{"text", "json"} {
			out := s.hub(0, append(verb, "-o", format)...)
			if strings.ContainsAny(out, "\x00\x1b\u2028") {
				t.Errorf("hub %v -o %s shows control characters: %q", verb, format, out)
			}
			if verb[0] == "process" && !strings.Contains(out, "W-1") {
				t.Errorf("hub %v -o %s does not show the others: %s", verb, format, out)
			}
		}
	}
	b.broken.Store(false)
	for _, number := range numbers {
		if strings.Contains(number, "\x00") {
			continue // no program takes that as an argument
		}
		s.hub(0, "process", "retry", number)
		await(t, fmt.Sprintf("%q is paid", number), func() bool { return strings.Contains(s.hub(0, "process", "show", number), "paid") })
		s.hub(0, "trace", number)
	}
}
