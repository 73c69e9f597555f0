package process_test

import (
	"strings"
	"testing"

	"orderhub/hub"
	"orderhub/pipelines/patterntest"
	"orderhub/pipelines/process"
)

const addressed = `
  order:
    id: order.id
    data: {order: order}
    states:
      waiting:
        receive:
          moved: {schema: address, set: {order.ship_to: =event.address}, goto: waiting}
          raw: {set: {order.ship_to: =event.adress}, goto: waiting}
          sent: {goto: done}
      done: {final: true}
`

const (
	addressOrder = `{"type":"object","required":["id","ship_to"],"additionalProperties":false,"properties":{"id":{"type":"string"},"ship_to":{"type":"string"},"total":{"type":"number"},"card":{"type":"string"},"items":{"type":"array"}}}`
	addressEvent = `{"type":"object","required":["address"],"additionalProperties":false,"properties":{"address":{"type":"string","minLength":3}}}`
)

// schemas starts a hub whose process has typed data and a typed event.
func schemas(t *testing.T, signal string) *site {
	t.Helper()
	yaml := strings.Replace(far, "limit: {from: limits", "told: {from: {web: POST /told}, steps: ["+signal+", {reply: 202}]}\n  limit: {from: limits", 1)
	return startWith(t, patterntest.Config{YAML: yaml}, addressed, "order", addressOrder, "address", addressEvent)
}

const toldBody = `{signal: {order: =body.id, event: moved, with: =body.with}}`

// An event whose data do not fit is refused to who signals it, and changes nothing.
func TestFault_M7_EventIsRefused(t *testing.T) {
	s := schemas(t, toldBody)
	s.begin(`{"id":"W-1","ship_to":"here"}`)
	for _, with := range []string{`{"adress":"there"}`, `{"address":7}`, `{}`, `null`, `{"address":"ab"}`} {
		_, err := s.In("told", s.Message("T"+with, `{"id":"W-1","with":`+with+`}`))
		if e := hub.AsError(err); err == nil || e.Class != hub.Invalid || e.Reason != "schema" || len(e.Fields) == 0 || !strings.Contains(e.Error(), "the data of the event moved") {
			t.Errorf("%s: %v", with, err)
		}
	}
	s.Settle()
	if v := s.at("W-1", "waiting"); !strings.Contains(string(v.Data), `"ship_to":"here"`) || len(v.Early) != 0 || len(s.Dead()) != 0 {
		t.Errorf("data %s, early %v", v.Data, v.Early)
	}
	s.Must("told", `{"id":"W-1","with":{"address":"there"}}`)
	s.Settle()
	if v := s.at("W-1", "waiting"); !strings.Contains(string(v.Data), `"ship_to":"there"`) {
		t.Errorf("data %s", v.Data)
	}
}

// A set that would make the data something else fails, and leaves them as they were.
func TestFault_M7_SetIsHeld(t *testing.T) {
	s := schemas(t, toldBody)
	s.begin(`{"id":"W-1","ship_to":"here"}`)
	s.signal("W-1", "raw", `{"address":"there"}`) // the set reads adress
	d := s.Dead()
	if v := s.at("W-1", "waiting"); !strings.Contains(string(v.Data), `"ship_to":"here"`) || len(d) != 1 || d[0].Error.Reason != "schema" ||
		!strings.Contains(d[0].Error.Message, "/ship_to") {
		t.Errorf("data %s, dead letters %+v", v.Data, d)
	}
	s.signal("W-1", "sent", "")
	s.at("W-1", "done")
}

// What is put beside the steps of the file is held to the schemas as well.
func TestFault_M7_StartAndSignalByHand(t *testing.T) {
	s := schemas(t, toldBody)
	start := process.Start("order", "W-2", "s1", object(t, `{"id":"W-2"}`), s.Clock.Now())
	s.put(start)
	s.at("W-2", "none")
	s.begin(`{"id":"W-1","ship_to":"here"}`)
	s.put(process.Signal("order", "W-1", "e1", "moved", object(t, `{"adress":"there"}`), s.Clock.Now()))
	if v := s.at("W-1", "waiting"); !strings.Contains(string(v.Data), `"ship_to":"here"`) || len(v.Early) != 0 || len(s.Dead()) != 2 {
		t.Errorf("data %s, %d dead letters", v.Data, len(s.Dead()))
	}
}
