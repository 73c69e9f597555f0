package core

import (
	"bytes"
	"encoding/json"
	"fmt"

	"orderhub/hub"
)

// encodeRefusals makes the rows of a unit's refusals.
func encodeRefusals(list []hub.Refusal) [][]byte {
	var out [][]byte
	for i := range list {
		var b bytes.Buffer
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(false)
		_ = enc.Encode(&list[i]) // texts, numbers and a time always can
		out = append(out, b.Bytes())
	}
	return out
}

func decodeRefusal(seq int64, value []byte) hub.Refusal {
	r := hub.Refusal{}
	if err := json.Unmarshal(value, &r); err != nil {
		r.Class, r.Reason, r.Text = hub.Bug, Corrupt, fmt.Sprintf("the stored refusal can't be read: %v", err)
	}
	r.Seq = seq
	return r
}
