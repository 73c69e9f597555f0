package graph

// icons are 16 by 16 line drawings after the pictures of the Enterprise Integration Patterns.
var icons = map[string]string{
	"source":      "M9 2.5H13.5V13.5H9M2 8H10M7 5L10 8L7 11",
	"target":      "M7 2.5H2.5V13.5H7M6 8H14M11 5L14 8L11 11",
	"channel":     "M4 5H12M4 11H12M12 5A1.6 3 0 0 1 12 11M4 5A1.6 3 0 0 0 4 11A1.6 3 0 0 0 4 5",
	"pipeline":    "M1.5 5.5H5.5V10.5H1.5ZM10.5 5.5H14.5V10.5H10.5ZM5.5 8H10.5",
	"process":     "M8 1.5V4M8 12V14.5M1.5 8H4M12 8H14.5M3.4 3.4L5.2 5.2M10.8 10.8L12.6 12.6M3.4 12.6L5.2 10.8M10.8 5.2L12.6 3.4M11 8A3 3 0 1 1 5 8A3 3 0 1 1 11 8",
	"dead":        "M2 4H14V12.5H2ZM5.8 6L10.2 10.5M10.2 6L5.8 10.5",
	"step":        "M3 3H13V13H3ZM6 8H10",
	"router":      "M1.5 8H5L10 3.5H14M5 8H14M5 8L10 12.5H14",
	"splitter":    "M2 4.5H6V11.5H2ZM8 8H9.5M11 2.5H14V5H11ZM11 6.8H14V9.3H11ZM11 11H14V13.5H11Z",
	"aggregator":  "M10 4.5H14V11.5H10ZM6.5 8H8M2 2.5H5V5H2ZM2 6.8H5V9.3H2ZM2 11H5V13.5H2Z",
	"translator":  "M2 3.5V12.5L8 8ZM14 3.5V12.5L8 8Z",
	"filter":      "M2 3H14L9.5 8.5V13L6.5 11.5V8.5Z",
	"content":     "M2 3H14M4 6.5H12M6 10H10M7.5 13.5H8.5",
	"enricher":    "M2 4H9V12.5H2ZM12.5 2V7M10 4.5H15M4 7H7M4 9.5H7",
	"resequencer": "M2 4H6M2 8H9M2 12H12M13 3V8M11 6L13 8.2L15 6",
	"idempotent":  "M2.5 5.5H13.5M2.5 10.5H13.5M10.5 2.5L5.5 13.5",
	"validate":    "M2 2.5H14V13.5H2ZM5 8L7.2 10.3L11.2 5.5",
	"tap":         "M1.5 5H14.5M8 5V12.5M5.5 10.2L8 12.8L10.5 10.2",
	"claim":       "M2 7.5V2.5H7L14 9.2L9 13.8ZM5 5.4V5.6",
	"reply":       "M6.5 3.5L2.5 7.5L6.5 11.5M2.5 7.5H10A3.5 3 0 0 1 13.5 10.5V13",
	"timer":       "M14 8A6 6 0 1 1 2 8A6 6 0 1 1 14 8M8 4.5V8L10.5 9.5",
	"task":        "M10.5 5A2.5 2.5 0 1 1 5.5 5A2.5 2.5 0 1 1 10.5 5M2.5 14A5.5 5 0 0 1 13.5 14",
	"scatter":     "M4.5 8A1.5 1.5 0 1 1 1.5 8A1.5 1.5 0 1 1 4.5 8M4.5 8L13 3M4.5 8H14M4.5 8L13 13",
	"slip":        "M3 2H13V14H3ZM5.5 5H6M8 5H11M5.5 8H6M8 8H11M5.5 11H6M8 11H11",
	"call":        "M2 5.5H13M10 2.5L13 5.5L10 8.5M14 10.5H3M6 7.8L3 10.5L6 13.5",
	"table":       "M2 3H14V13H2ZM2 6.5H14M6.5 6.5V13",
	"count":       "M3 13.5V9M6.5 13.5V5.5M10 13.5V8M13.5 13.5V2.5",
	"signal":      "M9 1.5L3.5 9H7.5L6.5 14.5L12.5 6.5H8.5Z",
	"fail":        "M8 2L14.5 13.5H1.5ZM8 6.5V9.5M8 11.6V11.7",
}

// sameAs gives the names steps have in YAML, and their long forms, the icon of their pattern.
var sameAs = map[string]string{
	"route": "router", "content_based_router": "router", "split": "splitter", "aggregate": "aggregator",
	"translate": "translator", "map": "translator", "normalizer": "translator", "content_filter": "content",
	"enrich": "enricher", "resequence": "resequencer", "wire_tap": "tap", "claim_check": "claim", "delay": "timer",
	"recipient_list": "scatter", "scatter_gather": "scatter", "routing_slip": "slip", "send": "target", "request": "call",
	"start": "process", "error": "fail", "count_events": "count",
}

// iconOf is the drawing for a kind; kinds without one get a plain box.
func iconOf(k Kind) string {
	name := string(k)
	if s, ok := sameAs[name]; ok {
		name = s
	}
	if d, ok := icons[name]; ok {
		return d
	}
	return icons["step"]
}
