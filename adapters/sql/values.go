package sql

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
	"orderhub/hub/doc"
)

// decode makes a value of what PostgreSQL wrote as text; nil is null. What has no counterpart in JSON stays text as it is.
func decode(raw []byte, t *sqlType) doc.Value {
	if raw == nil {
		return doc.NullValue()
	}
	text := string(raw) // a copy: raw belongs to the connection
	switch t.oid {
	case pgtype.BoolOID:
		return doc.BoolValue(text == "t")
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID, pgtype.OIDOID, pgtype.NumericOID, pgtype.Float4OID, pgtype.Float8OID:
		if d, err := doc.ParseDecimal(text); err == nil { // else NaN, Infinity
			return doc.NumberValue(d)
		}
	case pgtype.JSONOID, pgtype.JSONBOID:
		if v, err := doc.Parse([]byte(text)); err == nil { // else deeper or larger than a document may be
			return v
		}
	case pgtype.TimestamptzOID:
		return doc.StringValue(timestamp(text, "2006-01-02 15:04:05.999999999-07", "2006-01-02 15:04:05.999999999-07:00"))
	case pgtype.TimestampOID:
		return doc.StringValue(timestamp(text, "2006-01-02 15:04:05.999999999"))
	case pgtype.ByteaOID:
		if data, err := hex.DecodeString(strings.TrimPrefix(text, `\x`)); err == nil && strings.HasPrefix(text, `\x`) {
			return doc.StringValue(base64.StdEncoding.EncodeToString(data))
		}
	}
	if t.elem != nil {
		if list, rest, err := parseArray(text, t.elem, 0); err == nil && rest == "" {
			return list
		}
	}
	return doc.StringValue(text)
}

// timestamp is a time as RFC 3339 has it: in UTC when it has a zone, without a zone when it has none.
// What it can't be (infinity, years before Christ) stays as it is.
func timestamp(text string, layouts ...string) string {
	for _, layout := range layouts {
		at, err := time.Parse(layout, text)
		switch {
		case err != nil:
		case len(layouts) == 1:
			return at.Format("2006-01-02T15:04:05.999999999")
		default:
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return text
}

var errArray = errors.New("no array")

// maxDimensions is PostgreSQL's own bound.
const maxDimensions = 6

// parseArray reads the text of an array, and gives what follows it. Bounds in front ([0:1]={…}) are left out.
func parseArray(text string, elem *sqlType, depth int) (list doc.Value, rest string, err error) {
	if depth == 0 && strings.HasPrefix(text, "[") {
		_, text, _ = strings.Cut(text, "=")
	}
	if depth == maxDimensions || !strings.HasPrefix(text, "{") {
		return list, "", errArray
	}
	var elems []doc.Value
	for text = text[1:]; ; {
		switch {
		case text == "":
			return list, "", errArray
		case text[0] == '}':
			return doc.ListOf(elems), text[1:], nil
		case text[0] == ',':
			text = text[1:]
			continue
		}
		var v doc.Value
		switch text[0] {
		case '{':
			v, text, err = parseArray(text, elem, depth+1)
		case '"':
			var one []byte
			one, text, err = quotedElement(text)
			v = decode(one, elem)
		default:
			n := strings.IndexAny(text, ",}")
			if n < 0 {
				return list, "", errArray
			}
			if v = doc.NullValue(); text[:n] != "NULL" {
				v = decode([]byte(text[:n]), elem)
			}
			text = text[n:]
		}
		if err != nil {
			return list, "", err
		}
		elems = append(elems, v)
	}
}

func quotedElement(text string) (one []byte, rest string, err error) {
	one = []byte{}
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return one, text[i+1:], nil
		case '\\':
			if i++; i == len(text) {
				return nil, "", errArray
			}
		}
		one = append(one, text[i])
	}
	return nil, "", errArray
}

// encode writes a value as PostgreSQL reads it for a type: nil is NULL. Numbers keep all their digits. Of json and jsonb null is a
// value like any other, which `is null` is false for.
func encode(v doc.Value, t *sqlType) ([]byte, error) {
	switch {
	case isJSON(t):
		return v.JSON(), nil
	case v.IsNull():
		return nil, nil
	}
	switch v.Kind() {
	case doc.Bool:
		return []byte(v.Text()), nil
	case doc.Number:
		return number(v.Num(), t), nil
	case doc.String:
		return text(v.Str(), t)
	}
	switch {
	case t.elem != nil && v.Kind() == doc.Array:
		return appendArray(nil, v, t.elem)
	case isText(t):
		return v.JSON(), nil
	case t.elem != nil:
		return nil, fmt.Errorf("%s does not fit the column's type, which takes lists", v.Kind())
	}
	return nil, fmt.Errorf("%s does not fit the column's type; json, jsonb and text take any value, arrays take lists", v.Kind())
}

func isJSON(t *sqlType) bool { return t.oid == pgtype.JSONOID || t.oid == pgtype.JSONBOID }

func isText(t *sqlType) bool {
	switch t.oid {
	case pgtype.TextOID, pgtype.VarcharOID, pgtype.BPCharOID, pgtype.UnknownOID:
		return true
	}
	return false
}

// number leaves out the zeros behind the point for whole numbers: an integer takes 12, not 12.0.
func number(d doc.Decimal, t *sqlType) []byte {
	switch t.oid {
	case pgtype.Int2OID, pgtype.Int4OID, pgtype.Int8OID:
		d = d.Normal()
	}
	return d.Append(nil)
}

func text(s string, t *sqlType) ([]byte, error) {
	switch t.oid {
	case pgtype.ByteaOID:
		raw, err := base64.StdEncoding.DecodeString(s)
		if err != nil {
			return nil, errors.New("the text is no base64, which stands for bytes")
		}
		return hex.AppendEncode([]byte(`\x`), raw), nil
	case pgtype.TimestampOID: // PostgreSQL would drop the offset, and keep a time of another zone
		if at, ok := doc.ParseTime(s); ok {
			return at.AppendFormat(nil, "2006-01-02T15:04:05.999999999"), nil
		}
	case pgtype.TimestamptzOID: // PostgreSQL would take a time without a zone for one of its own zone
		if at, ok := doc.ParseTime(s); ok {
			return at.AppendFormat(nil, time.RFC3339Nano), nil
		}
	}
	return []byte(s), nil
}

// appendArray writes a list as the text of an array: {1,2,NULL,"a \"b\""}.
func appendArray(dst []byte, list doc.Value, elem *sqlType) ([]byte, error) {
	json := isJSON(elem)
	dst = append(dst, '{')
	for i, v := range list.Elems() {
		if i > 0 {
			dst = append(dst, ',')
		}
		var err error
		switch {
		case v.IsNull() && !json:
			dst = append(dst, "NULL"...)
		case v.Kind() == doc.Array && !json: // a further dimension
			dst, err = appendArray(dst, v, elem)
		default:
			var one []byte
			if one, err = encode(v, elem); err == nil {
				dst = appendElement(dst, one)
			}
		}
		if err != nil {
			return nil, err
		}
	}
	return append(dst, '}'), nil
}

func appendElement(dst, text []byte) []byte {
	dst = append(dst, '"')
	for _, c := range text {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// textArray writes texts as an array.
func textArray(texts []string) []byte {
	dst := []byte{'{'}
	for i, t := range texts {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendElement(dst, []byte(t))
	}
	return append(dst, '}')
}
