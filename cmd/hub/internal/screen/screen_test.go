package screen

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"orderhub/pipelines/yamlfile"
)

// TestFault_S4_WhateverIsPrintedIsSafe: cells, lines, errors and problems, for people and for machines.
func TestFault_S4_WhateverIsPrintedIsSafe(t *testing.T) {
	const evil = "a\x1b[2J\u009b31m\u202eb\nc\x00\u2028"
	for name, print := range map[string]func(s *Screen){
		"line":     func(s *Screen) { s.Print("%s", evil) },
		"talk":     func(s *Screen) { s.Say("%s", evil) },
		"table":    func(s *Screen) { s.Table([]string{"A"}, []Row{{evil, "x"}}) },
		"JSON":     func(s *Screen) { s.PrintJSON(map[string]string{evil: evil}) },
		"one line": func(s *Screen) { s.PrintLine(evil) },
		"log":      func(s *Screen) { s.Logger(Text, 2).Info(evil, evil, evil) },
		"log json": func(s *Screen) { s.Logger(JSON, 2).Info(evil, evil, evil) },
		"problems": func(s *Screen) {
			p := &yamlfile.Problems{}
			p.Add(yamlfile.Problem{File: evil, Line: 1, Message: evil, Help: evil})
			s.Out.Problems(p)
			p.WriteJSON(s.Out)
			p.WriteGitHub(s.Out)
		},
		"API problem": func(s *Screen) { s.Say("%v", errors.New("no "+evil)) },
	} {
		var out, talk bytes.Buffer
		print(New(nil, &out, &talk))
		text := out.String() + talk.String()
		if text == "" || strings.ContainsAny(text, "\x1b\x00\u009b\u202e\u2028") || strings.Contains(text, "\nc") {
			t.Errorf("%s: %q", name, text)
		}
	}
	var out bytes.Buffer
	p := &yamlfile.Problems{}
	p.Add(yamlfile.Problem{File: evil, Line: 1, Message: evil})
	s := New(nil, &out, &out)
	s.Out.colours = true
	s.Out.Problems(p)
	if text := strings.NewReplacer("\x1b[31m", "", "\x1b[1m", "", "\x1b[0m", "", "\x1b[34m", "").Replace(out.String()); strings.Contains(text, "\x1b") {
		t.Errorf("with colours: %q", text)
	}
}
