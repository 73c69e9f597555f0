package show

import (
	"time"

	"orderhub/cmd/hub/internal/screen"
	"orderhub/cmd/hub/internal/words"
	"orderhub/pipelines/alert"
)

// Alerts prints all alerts, those that somebody must look at first.
func Alerts(s *screen.Screen, all []alert.Entry) {
	if len(all) == 0 {
		s.Print("the configuration declares no alerts: add alerts: to it")
		return
	}
	screen.List(s, []string{"ALERT", "SEVERITY", "STATE", "SINCE", "TEXT", "NOTE"}, all, func(e alert.Entry) screen.Row {
		since, text := e.Since, e.Text
		switch e.Standing {
		case alert.Cleared:
			since = e.State.Cleared
		case alert.Broken:
			text = e.Error
		case alert.Well:
			text = e.When
		}
		return screen.Row{e.Alert, e.Severity, e.Standing, words.Age(since), words.OneLine(text, 100), silence(e.Silence)}
	})
}

// silence says until when nobody is told, by whom, and why.
func silence(s *alert.Silence) string {
	if s == nil {
		return ""
	}
	text := "silent for " + words.Short(time.Until(s.Until)) + " by " + s.By
	if s.Why != "" {
		text += ": " + words.OneLine(s.Why, 80)
	}
	return text
}

// Silenced prints what became of a silence.
func Silenced(s *screen.Screen, e *alert.Entry) {
	if e.Silence == nil {
		s.Print("%s is told again (%s): hub alerts", e.Alert, e.Standing)
	} else {
		s.Print("%s (%s) is %s; end it with: hub alerts silence %[1]s --for 0", e.Alert, e.Standing, silence(e.Silence))
	}
}
