package matrix

import (
	"fmt"
	"strings"
	"time"
)

// table is the results in Markdown: a row per source, a column per target.
func (f form) table(cells []*cell, took time.Duration) string {
	results := map[[2]int]*result{}
	var total result
	for _, c := range cells {
		results[[2]int{c.source, c.target}] = c.result
		if c.result != nil {
			total.lost += c.result.lost
			total.doubled += c.result.doubled
			total.drain = max(total.drain, c.result.drain)
		}
	}
	names := []string{}
	for _, fault := range faults(f.hold, f.down) {
		names = append(names, fault.name)
	}
	var b strings.Builder
	each := "each"
	if f.quick {
		each = "three of them"
	}
	fmt.Fprintf(&b, "%d messages a cell; %s, %s on the link of the source, then of the target. A cell tells: lost/doubled/seconds from the healing to the last message.\n\n",
		f.messages, strings.Join(names, ", "), each)
	fmt.Fprint(&b, "| from \\ to |")
	for _, d := range targets {
		fmt.Fprintf(&b, " %s |", d.name)
	}
	fmt.Fprint(&b, "\n|---|"+strings.Repeat("---|", len(targets))+"\n")
	for s, src := range sources {
		fmt.Fprintf(&b, "| %s |", src.name)
		for d := range targets {
			fmt.Fprintf(&b, " %s |", results[[2]int{s, d}])
		}
		fmt.Fprintln(&b)
	}
	fmt.Fprintf(&b, "\nIn all: %d lost, %d doubled, the slowest drained in %.1f s; the run took %s.\n", total.lost, total.doubled, total.drain.Seconds(), took.Round(time.Second))
	return b.String()
}
