package sql

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgtype"

	"orderhub/hub/doc"
)

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
		if at, err := time.Parse(time.RFC3339Nano, s); err == nil {
			return at.UTC().AppendFormat(nil, "2006-01-02T15:04:05.999999999"), nil
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
