package sql

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
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
