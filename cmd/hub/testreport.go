package main

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/scenario"
)

// testReport shows results as they come, and all of them at the end.
type testReport interface {
	add(r scenario.Result)
	count() int
	end(took time.Duration) (failed int)
}

func (c *cli) testReport() testReport {
	switch c.Format {
	case screen.JSON:
		return &testList{show: c.printTestJSON}
	case screen.JUnit:
		return &testList{show: c.printJUnit}
	}
	return &testLines{cli: c}
}

// testList collects the results and shows them at the end.
type testList struct {
	all  []scenario.Result
	show func(all []scenario.Result, took time.Duration)
}

func (l *testList) add(r scenario.Result) { l.all = append(l.all, r) }
func (l *testList) count() int            { return len(l.all) }

func (l *testList) end(took time.Duration) int {
	l.show(l.all, took)
	return failures(l.all)
}

func failures(all []scenario.Result) (n int) {
	for _, r := range all {
		if len(r.Failures) > 0 {
			n++
		}
	}
	return n
}

// testLines prints a line for each test, and below it what failed.
type testLines struct {
	*cli
	all []scenario.Result
}

func (l *testLines) count() int { return len(l.all) }

func (l *testLines) add(r scenario.Result) {
	l.all = append(l.all, r)
	verdict := "ok"
	if len(r.Failures) > 0 {
		verdict = "FAIL"
	}
	line := fmt.Sprintf("%-5s %s %s %8s", verdict, padded(r.Subject, 15), padded(r.Name, 44), millis(r.Took))
	if more := details(r); more != "" {
		line += "   (" + more + ")"
	}
	l.Print("%s", line)
	for _, f := range r.Failures {
		for text := range strings.SplitSeq(f.String(), "\n") {
			if !startsField(text) && text != f.Line {
				text = strings.Repeat(" ", 10) + text
			}
			l.Print("      %s", text)
		}
	}
}

// startsField tells that a line of a failure has its own name in front.
func startsField(text string) bool {
	return slices.ContainsFunc([]string{"expected  ", "got       ", "why       ", "again     "}, func(name string) bool { return strings.HasPrefix(text, name) })
}

func (l *testLines) end(took time.Duration) int {
	kills, shuffles := 0, 0
	for _, r := range l.all {
		kills, shuffles = kills+r.Kills, shuffles+r.Shuffles
	}
	failed := failures(l.all)
	if len(l.all) == 0 {
		return 0
	}
	text := words.Plural(len(l.all), "test") + ", "
	if failed > 0 {
		text += fmt.Sprintf("%d failed, ", failed)
	}
	if kills+shuffles > 0 {
		text += words.Plural(kills, "kill") + ", " + words.Plural(shuffles, "shuffle") + ", "
	}
	l.Print("%s%s", text, millis(took))
	return failed
}

// details are what a test did beside: time that went by, kills, shuffles.
func details(r scenario.Result) string {
	var parts []string
	if r.Virtual > 0 {
		parts = append(parts, virtual(r.Virtual)+" virtual")
	}
	if r.Kills > 0 {
		parts = append(parts, words.Plural(r.Kills, "kill"))
	}
	if r.Shuffles > 0 {
		parts = append(parts, words.Plural(r.Shuffles, "shuffle"))
	}
	return strings.Join(parts, ", ")
}

// virtual is a span of virtual time by its two largest units: 13d 2h.
func virtual(d time.Duration) string {
	var parts []string
	for _, u := range []struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / u.size; n > 0 && len(parts) < 2 {
			parts = append(parts, fmt.Sprintf("%d%s", n, u.name))
		}
		d %= u.size
	}
	if len(parts) == 0 {
		return "<1s"
	}
	return strings.Join(parts, " ")
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

func padded(text string, width int) string {
	return text + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(text)))
}
