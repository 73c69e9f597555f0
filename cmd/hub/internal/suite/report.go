package suite

import (
	"encoding/xml"
	"fmt"
	"slices"
	"strings"
	"time"

	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/scenario"
)

// report shows results: as lines each when it comes, as JSON or JUnit all of them at the end.
type report struct {
	*screen.Screen
	all []scenario.Result
}

func (r *report) add(result scenario.Result) {
	r.all = append(r.all, result)
	if r.Format == screen.Text {
		r.line(result)
	}
}

// end shows what is shown when all have run, and gives how many failed.
func (r *report) end(took time.Duration) (failed int) {
	for _, result := range r.all {
		if len(result.Failures) > 0 {
			failed++
		}
	}
	switch r.Format {
	case screen.JSON:
		r.json(failed, took)
	case screen.JUnit:
		r.junit(failed, took)
	default:
		r.sum(failed, took)
	}
	return failed
}

// line prints a line for a test, and below it what failed.
func (r *report) line(t scenario.Result) {
	verdict := "ok"
	if len(t.Failures) > 0 {
		verdict = "FAIL"
	}
	line := fmt.Sprintf("%-5s %-15s %-44s %8s", verdict, t.Subject, t.Name, millis(t.Took))
	if more := details(t); more != "" {
		line += "   (" + more + ")"
	}
	r.Print("%s", line)
	for _, f := range t.Failures {
		for text := range strings.SplitSeq(f.String(), "\n") {
			if !startsField(text) && text != f.Line {
				text = strings.Repeat(" ", 10) + text
			}
			r.Print("      %s", text)
		}
	}
}

// startsField tells that a line of a failure has its own name in front.
func startsField(text string) bool {
	names := []string{"expected  ", "got       ", "why       ", "again     "}
	return slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(text, name) })
}

// sum prints how many tests ran.
func (r *report) sum(failed int, took time.Duration) {
	if len(r.all) == 0 {
		return
	}
	kills, shuffles := 0, 0
	for _, t := range r.all {
		kills, shuffles = kills+t.Kills, shuffles+t.Shuffles
	}
	text := words.Plural(len(r.all), "test") + ", "
	if failed > 0 {
		text += fmt.Sprintf("%d failed, ", failed)
	}
	if kills+shuffles > 0 {
		text += words.Plural(kills, "kill") + ", " + words.Plural(shuffles, "shuffle") + ", "
	}
	r.Print("%s%s", text, millis(took))
}

// details are what a test did beside: time that went by, kills, shuffles.
func details(t scenario.Result) string {
	var parts []string
	switch {
	case t.Virtual >= time.Second:
		parts = append(parts, words.Span(t.Virtual)+" virtual")
	case t.Virtual > 0:
		parts = append(parts, "<1s virtual")
	}
	if t.Kills > 0 {
		parts = append(parts, words.Plural(t.Kills, "kill"))
	}
	if t.Shuffles > 0 {
		parts = append(parts, words.Plural(t.Shuffles, "shuffle"))
	}
	return strings.Join(parts, ", ")
}

func millis(d time.Duration) string {
	switch {
	case d < time.Millisecond:
		return "<1 ms"
	case d < 10*time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}

// testJSON is a result as `hub test -o json` prints it.
type testJSON struct {
	Name      string             `json:"name"`
	Subject   string             `json:"subject"`
	Line      string             `json:"line"`
	OK        bool               `json:"ok"`
	TookMS    float64            `json:"took_ms"`
	VirtualMS int64              `json:"virtual_ms,omitempty"`
	Kills     int                `json:"kills,omitempty"`
	Shuffles  int                `json:"shuffles,omitempty"`
	Failures  []scenario.Failure `json:"failures,omitempty"`
}

func (r *report) json(failed int, took time.Duration) {
	list := make([]testJSON, len(r.all))
	for i, t := range r.all {
		list[i] = testJSON{t.Name, t.Subject, t.Line, len(t.Failures) == 0, float64(t.Took.Microseconds()) / 1000,
			t.Virtual.Milliseconds(), t.Kills, t.Shuffles, t.Failures}
	}
	r.PrintJSON(map[string]any{"tests": list, "failed": failed, "took_ms": float64(took.Microseconds()) / 1000})
}

// The elements of a JUnit report, as build servers read them.
type (
	junitSuite struct {
		XMLName  xml.Name    `xml:"testsuite"`
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Time     string      `xml:"time,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Class   string        `xml:"classname,attr"`
		Name    string        `xml:"name,attr"`
		Time    string        `xml:"time,attr"`
		Failure *junitFailure `xml:"failure,omitempty"`
	}
	junitFailure struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

func (r *report) junit(failed int, took time.Duration) {
	s := junitSuite{Name: "hub test", Tests: len(r.all), Failures: failed, Time: seconds(took)}
	for _, t := range r.all {
		k := junitCase{Class: t.Subject, Name: t.Name, Time: seconds(t.Took)}
		if len(t.Failures) > 0 {
			var texts []string
			for _, f := range t.Failures {
				texts = append(texts, f.String())
			}
			first := t.Failures[0]
			k.Failure = &junitFailure{"expected " + first.Expected + ", got " + first.Got, strings.Join(texts, "\n\n")}
		}
		s.Cases = append(s.Cases, k)
	}
	out, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		r.Say("hub: %v", err)
		return
	}
	fmt.Fprintf(r.Out, "%s%s\n", xml.Header, out)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
