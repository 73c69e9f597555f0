package process

import (
	"time"

	"orderhub/hub"
)

// A definition may go round in ways that no check foresees: a timer whose time is always over, a partner that sends the
// same event again and again, errors of a state that an error leads to. Each round may cost money, so it is bounded.

// maxEntered bounds the states that a token enters within a minute. Behind it the token stops, as one whose step failed:
// it is stuck, seen, and goes on for as many more when somebody retries.
const maxEntered = 100

// enters counts a state. The minute begins with the first one behind the last minute.
func (tok *Token) enters(now time.Time) {
	if now.Sub(tok.Minute) >= time.Minute || now.Before(tok.Minute) {
		tok.Minute, tok.Entered = now, 0
	}
	tok.Entered++
}

// tired tells that the token has entered more states than it may.
func (tok *Token) tired() bool { return tok.Entered > maxEntered }

// goesRound stops a token in the state that it has entered, whatever led there. Its timers are armed when it goes on, so that none of them leads on meanwhile.
func (t *turn) goesRound(tok *Token) {
	e := hub.Fail(hub.Invalid, "goes_round", "it entered %d states within a minute, and %s once more: a way in the definition leads round; hub trace shows it", tok.Entered, tok.State)
	tok.Timers = nil
	if t.stick(tok, e); tok == t.mine {
		t.failed = e
	}
}
