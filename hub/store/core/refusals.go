package core

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"orderhub/hub"
)

// encodeRefusals makes the rows of a unit's refusals.
func EncodeRefusals(list []hub.Refusal) [][]byte {
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

func DecodeRefusal(seq int64, value []byte) hub.Refusal {
	r := hub.Refusal{}
	if err := json.Unmarshal(value, &r); err != nil {
		r.Class, r.Reason, r.Text = hub.Bug, Corrupt, fmt.Sprintf("the stored refusal can't be read: %v", err)
	}
	r.Seq = seq
	return r
}

// refusalFilter is the WHERE of q and its arguments, of which the last is the
// limit. mark writes the n-th placeholder, text makes an argument of a text.
func RefusalFilter(q hub.RefusalQuery, mark func(n int) string, text func(s string) any) (where string, args []any) {
	var parts []string
	add := func(sql string, value any, on bool) {
		if on {
			args = append(args, value)
			parts = append(parts, sql+mark(len(args)))
		}
	}
	add("id=", text(q.ID), q.ID != "")
	add("corr=", text(q.Correlation), q.Correlation != "")
	add("source=", text(q.Source), q.Source != "")
	add("reason=", text(q.Reason), q.Reason != "")
	add("seq<", q.Before, q.Before > 0)
	if len(parts) > 0 {
		where = " WHERE " + strings.Join(parts, " AND ")
	}
	limit := int64(q.Limit)
	if limit <= 0 {
		limit = 100
	}
	return where, append(args, limit)
}
