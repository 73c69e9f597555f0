package main

import (
	"encoding/xml"
	"fmt"
	"strings"
	"time"

	"orderhub/pipelines/scenario"
)

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

func (c *cli) printTestJSON(all []scenario.Result, took time.Duration) {
	list := make([]testJSON, len(all))
	for i, r := range all {
		list[i] = testJSON{r.Name, r.Subject, r.Line, len(r.Failures) == 0, float64(r.Took.Microseconds()) / 1000, r.Virtual.Milliseconds(), r.Kills, r.Shuffles, r.Failures}
	}
	c.PrintJSON(map[string]any{"tests": list, "failed": failures(all), "took_ms": float64(took.Microseconds()) / 1000})
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

func (c *cli) printJUnit(all []scenario.Result, took time.Duration) {
	s := junitSuite{Name: "hub test", Tests: len(all), Failures: failures(all), Time: seconds(took)}
	for _, r := range all {
		k := junitCase{Class: r.Subject, Name: r.Name, Time: seconds(r.Took)}
		if len(r.Failures) > 0 {
			var texts []string
			for _, f := range r.Failures {
				texts = append(texts, f.String())
			}
			first := r.Failures[0]
			k.Failure = &junitFailure{"expected " + first.Expected + ", got " + first.Got, strings.Join(texts, "\n\n")}
		}
		s.Cases = append(s.Cases, k)
	}
	out, err := xml.MarshalIndent(s, "", "  ")
	if err != nil {
		c.Say("hub: %v", err)
		return
	}
	fmt.Fprintf(c.Out, "%s%s\n", xml.Header, out)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.6f", d.Seconds()) }
