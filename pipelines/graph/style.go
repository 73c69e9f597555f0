package graph

import (
	"fmt"
	"slices"
	"strings"
)

// hue is a family of nodes with its colours, line, fill and tile on light and on dark paper, its icon, a line drawing of 16 by 16,
// and its shape in the formats of text.
type hue struct {
	name                       string
	line, fill, tile           string
	darkLine, darkFill, darkTl string
	icon                       string
	dot                        string    // shape of Graphviz
	mermaid, text              [2]string // brackets
}

// hues are the families, every line at least 3:1 against its paper.
var hues = []hue{
	{"source", "#1a7f5a", "#f1faf6", "#d3efe3", "#4cc38a", "#12241d", "#1b3b2e",
		"M9 2.5H13.5V13.5H9M2 8H10M7 5L10 8L7 11",
		"oval", [2]string{"([", "])"}, [2]string{}},
	{"target", "#0e7490", "#effafc", "#cfeef5", "#4cc9e0", "#0f2329", "#163b45",
		"M7 2.5H2.5V13.5H7M6 8H14M11 5L14 8L11 11",
		"oval", [2]string{"([", "])"}, [2]string{}},
	{"channel", "#3b6fd4", "#f1f5fe", "#d9e5fb", "#7aa7f7", "#151f33", "#223356",
		"M4 5H12M4 11H12M12 5A1.6 3 0 0 1 12 11M4 5A1.6 3 0 0 0 4 11A1.6 3 0 0 0 4 5",
		"cylinder", [2]string{"[(", ")]"}, [2]string{"[", "]"}},
	{"pipeline", "#5b616e", "#ffffff", "#e9ebef", "#a4abb8", "#1c2027", "#2c323c",
		"M1.5 5.5H5.5V10.5H1.5ZM10.5 5.5H14.5V10.5H10.5ZM5.5 8H10.5",
		"box", [2]string{"[", "]"}, [2]string{}},
	{"process", "#7c4fd0", "#f7f3fe", "#e6dbfb", "#b394f4", "#211a33", "#362956",
		"M8 1.5V4M8 12V14.5M1.5 8H4M12 8H14.5M3.4 3.4L5.2 5.2M10.8 10.8L12.6 12.6M3.4 12.6L5.2 10.8M10.8 5.2L12.6 3.4M11 8A3 3 0 1 1 5 8A3 3 0 1 1 11 8",
		"box3d", [2]string{"[[", "]]"}, [2]string{"((", "))"}},
	{"step", "#8a6d1f", "#fffcf2", "#f6ebc8", "#d9b95b", "#262113", "#3d351c",
		"M3 3H13V13H3ZM6 8H10",
		"box", [2]string{"(", ")"}, [2]string{}},
	{"dead", "#c2363f", "#fef4f4", "#fadcdd", "#f2777e", "#2f1a1c", "#4b2629",
		"M2 4H14V12.5H2ZM5.8 6L10.2 10.5M10.2 6L5.8 10.5",
		"note", [2]string{">", "]"}, [2]string{"✗ ", ""}},
}

// hueOf is the family of a kind; every kind without one of its own is a step.
func hueOf(k Kind) hue {
	i := slices.IndexFunc(hues, func(h hue) bool { return h.name == string(k) })
	if i < 0 {
		return hueOf("step")
	}
	return hues[i]
}

// Style is the style sheet of every drawing. It uses no variables: some viewers know none.
func Style() string {
	var b strings.Builder
	b.WriteString(`
.hubgraph text{font-family:ui-sans-serif,system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif}
.hubgraph .paper{fill:#fbfbfc}
.hubgraph .title{font-size:17px;font-weight:600;fill:#1d2129}
.hubgraph .edge path{fill:none;stroke:#8b93a1;stroke-width:1.5}
.hubgraph .edge text{font-size:10.5px;fill:#5b616e}
.hubgraph .edge.dashed path{stroke-dasharray:5 4}
.hubgraph .edge.back path{stroke:#c07a1c}
.hubgraph .edge:hover path{stroke:#1d2129;stroke-width:2.5}
.hubgraph .tip path{fill:#8b93a1;stroke:none}
.hubgraph .tipback path{fill:#c07a1c;stroke:none}
.hubgraph .shape,.hubgraph .mouth,.hubgraph .inner{stroke-width:1.3}
.hubgraph .inner{fill:none;stroke-width:.8}
.hubgraph .icon{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}
.hubgraph .name{font-size:13px;font-weight:500;fill:#1d2129}
.hubgraph .detail{font-size:10.5px;fill:#5b616e}
.hubgraph .note{font-size:10.5px;font-weight:600;fill:#fff;text-anchor:middle}
.hubgraph .paused .shape{stroke-dasharray:6 4}
.hubgraph a:hover .shape,.hubgraph a:focus .shape{stroke-width:2.4}
`)
	for _, h := range hues {
		b.WriteString(h.rules(h.line, h.fill, h.tile))
	}
	b.WriteString(states("#b45309", "#c2363f", "#fff"))
	b.WriteString(`@media (prefers-color-scheme:dark){
.hubgraph .paper{fill:#14171c}
.hubgraph .title,.hubgraph .name{fill:#eceff4}
.hubgraph .edge path{stroke:#7b8493}
.hubgraph .edge text,.hubgraph .detail{fill:#a4abb8}
.hubgraph .edge.back path{stroke:#e0a458}
.hubgraph .edge:hover path{stroke:#eceff4}
.hubgraph .tip path{fill:#7b8493;stroke:none}
.hubgraph .tipback path{fill:#e0a458;stroke:none}
`)
	for _, h := range hues {
		b.WriteString(h.rules(h.darkLine, h.darkFill, h.darkTl))
	}
	b.WriteString(states("#f0b35a", "#f2777e", "#14171c") + "}\n")
	return b.String()
}

func (h hue) rules(line, fill, tile string) string {
	return fmt.Sprintf(`.hubgraph .%[1]s .shape{fill:%[3]s;stroke:%[2]s}.hubgraph .%[1]s .mouth{fill:%[4]s;stroke:%[2]s}`+
		`.hubgraph .%[1]s .inner,.hubgraph .%[1]s .icon{stroke:%[2]s}.hubgraph .%[1]s .tile{fill:%[4]s}.hubgraph .%[1]s .pill{fill:%[2]s}`+"\n",
		h.name, line, fill, tile)
}

func states(paused, failing, text string) string {
	return fmt.Sprintf(`.hubgraph .paused .shape{stroke:%[1]s}.hubgraph .paused .pill{fill:%[1]s}`+
		`.hubgraph .failing .shape{stroke:%[2]s;stroke-width:2}.hubgraph .failing .pill{fill:%[2]s}.hubgraph .note{fill:%[3]s}`+"\n", paused, failing, text)
}
