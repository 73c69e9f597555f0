package api

import "encoding/json"

// TryRequest is what somebody tries on a message: a formula, steps, or a pipeline. Nothing is stored, and nobody is asked or told anything.
type TryRequest struct {
	Formula  string `json:"formula,omitempty"`
	Steps    string `json:"steps,omitempty"` // a list in YAML, as under steps: of a pipeline
	Pipeline string `json:"pipeline,omitempty"`
	Body     string `json:"body,omitempty"`
	Seq      int64  `json:"seq,omitempty"`     // number of a message in the store, whose body and headers are taken instead
	Answers  string `json:"answers,omitempty"` // of those who are asked: YAML, as under mock: of a test
}

// Tried is what came of it.
type Tried struct {
	Result   Result         `json:"result,omitzero"`    // of a formula
	Faults   []Fault        `json:"faults,omitempty"`   // of a formula
	Problems string         `json:"problems,omitempty"` // of steps and answers, as text with carets; nothing ran
	Asks     string         `json:"asks,omitempty"`     // whose answer is missing
	Reply    *SentReply     `json:"reply,omitempty"`    // what the source would be answered
	Refused  *Problem       `json:"refused,omitempty"`  // why it would not be taken
	Effects  map[string]int `json:"effects,omitempty"`  // messages onto channels and to adapters
	Trace    *Trace         `json:"trace,omitempty"`    // with what each step did to the body
}

// Result is the value of a formula.
type Result struct {
	Body json.RawMessage `json:"body,omitempty"`
	Type string          `json:"type,omitempty"`
}

// Fault is what is wrong with a formula, at an offset in bytes.
type Fault struct {
	Offset  int    `json:"offset"`
	Length  int    `json:"length"`
	Message string `json:"message"`
	Found   string `json:"found,omitempty"`
	Help    string `json:"help,omitempty"`
}
