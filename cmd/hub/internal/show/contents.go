package show

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/screen"
	"orderhub/hub/store"
)

// Contents prints what a store or a backup holds, and what of it is damaged.
func Contents(s *screen.Screen, c *store.Contents) {
	rows := []screen.Row{{"of", c.Of}}
	if !c.Taken.IsZero() {
		rows = append(rows, screen.Row{"taken", c.Taken.Format(time.RFC3339) + " by hub " + c.Version})
	}
	rows = append(rows, screen.Row{"messages", counts(c.Messages)}, screen.Row{"rows", counts(c.Rows)})
	for _, d := range c.Damages {
		rows = append(rows, screen.Row{"damaged", d})
	}
	if more := c.Damaged - len(c.Damages); more > 0 {
		rows = append(rows, screen.Row{"damaged", fmt.Sprintf("and %d more", more)})
	}
	if c.Damaged == 0 {
		rows = append(rows, screen.Row{"damaged", "nothing"})
	}
	s.Table(nil, rows)
}

// counts are counts by name in a line.
func counts(of map[string]int64) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(of)) {
		if of[name] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", of[name], name))
		}
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, ", ")
}
