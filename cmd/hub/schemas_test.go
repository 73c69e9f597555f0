package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/doc"
	"orderhub/transforms/schema"
)

const schemas = "../../config/schemas/"

// Every text, list, number and object that a shipped schema names has its bounds.
func TestFault_M6_ShippedSchemasAreBounded(t *testing.T) {
	files, err := filepath.Glob(schemas + "*.json")
	if err != nil || len(files) < 8 {
		t.Fatalf("%d schemas, %v", len(files), err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var root any
		if err := json.Unmarshal(raw, &root); err != nil {
			t.Fatal(err)
		}
		unbounded(root, "", func(at, what string) {
			if what != "additionalProperties" || !slices.Contains(answerSchemas, strings.TrimSuffix(filepath.Base(file), ".json")) {
				t.Errorf("%s%s has no %s", filepath.Base(file), at, what)
			}
		})
	}
}

// answerSchemas are what partners answer: they may say more than we read.
var answerSchemas = []string{"charge", "charge-refused", "customer", "invoice", "product", "quote", "refund", "shipment", "shipment-cancelled", "stock", "stock-released"}

// unbounded tells each schema below v that lets something grow without a bound.
func unbounded(v any, at string, bad func(at, what string)) {
	switch v := v.(type) {
	case []any:
		for i, item := range v {
			unbounded(item, fmt.Sprintf("%s/%d", at, i), bad)
		}
	case map[string]any:
		needs := map[string][]string{"string": {"maxLength", "pattern"}, "number": {"minimum", "maximum"}, "integer": {"minimum", "maximum"},
			"array": {"maxItems"}, "object": {"additionalProperties"}}
		types, _ := v["type"].([]any)
		if one, ok := v["type"].(string); ok {
			types = []any{one}
		}
		for _, kind := range types {
			for _, key := range needs[kind.(string)] {
				if v[key] == nil && (key != "pattern" || !slices.Contains(types, any("boolean"))) {
					bad(at, key)
				}
			}
		}
		for key, value := range v {
			unbounded(value, at+"/"+key, bad)
		}
	}
}

// hostile are texts that must not become part of a path, a file name, a header, an address or a record's key.
var hostile = []string{"", "A/B", "..", ".", "x\ny", "x\r\ny", "a\x00b", "\x1b[2J", "a b", "ä", "-x", "a\u2028b", "%2e%2e", "a\\b", "a:b", "a?b", "a#b", strings.Repeat("x", 65)}

var doors = map[string]string{
	"web-order": `{"orderNumber":"W-1","user":{"id":"C-1","name":"Ada","email":"ada@example.com"},"pay":{"type":"card","token":"tok_visa"},
		"lines":[{"sku":"SKU-1","title":"Lamp","qty":1,"price":5.20}],"total":5.20,"shipTo":{"name":"Ada","street":"Long 5","zip":"10115","city":"Berlin","country":"DE"},"extras":["gift"],"note":"ring\ntwice"}`,
	"sales-order": `{"reference":"S-1","account":{"number":"A-7","company":"Hotel Möwe","contact":{"name":"Ida","email":"ida@example.com"}},"terms":"card","card":"tok_visa",
		"positions":[{"article":"SKU-1","pieces":1,"unit_price":5.2,"discount_percent":12.5}],"deliver_to":{"city":"Leipzig"}}`,
	"phone-row": `{"call_id":"P-1","rows":"2","agent":"Kim","customer_id":"C-1","name":"Finn","email":"finn@example.com","sku":"SKU-1","quantity":"2","price":"12.50",
		"payment":"card","card":"tok_visa","street":"Market 1","zip":"20095","city":"Hamburg","country":"DE"}`,
	"shipping-status": `{"reference":"W-1","shipment":"shp_1","seq":1,"status":"picked_up"}`,
	"order": `{"order_id":"W-1","source":"web","customer":{"id":"C-1","name":"Ada","email":"ada@example.com"},"payment":{"method":"card","card":"tok_visa"},"total":5.20,
		"currency":"EUR","items":[{"sku":"SKU-1","quantity":1,"price":5.20}]}`,
	"card-update":   `{"card":"tok_new"}`,
	"review-answer": `{"approve":"true","note":"fine","by":"Kim"}`,
}

// refused checks that the document is valid, and is not with text at pointer.
func refused(t *testing.T, name, pointer string, values ...any) {
	t.Helper()
	s, err := schema.Load(schemas + name + ".json")
	if err != nil {
		t.Fatal(err)
	}
	var sound any
	if err := json.Unmarshal([]byte(doors[name]), &sound); err != nil {
		t.Fatal(err)
	}
	valid := func(v any) bool {
		raw, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		d, err := doc.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return s.Validate(d) == nil
	}
	if !valid(sound) {
		t.Fatalf("%s: the sound one is refused", name)
	}
	for _, v := range values {
		if changed := at(sound, strings.Split(pointer, "/")[1:], v); valid(changed) {
			t.Errorf("%s %s: %.40q is taken", name, pointer, fmt.Sprint(v))
		}
	}
}

// at is a copy of v with value at the place.
func at(v any, place []string, value any) any {
	if len(place) == 0 {
		return value
	}
	switch v := v.(type) {
	case map[string]any:
		c := map[string]any{}
		for key, old := range v {
			c[key] = old
		}
		c[place[0]] = at(v[place[0]], place[1:], value)
		return c
	case []any:
		c := slices.Clone(v)
		c[0] = at(v[0], place[1:], value)
		return c
	}
	return value
}

func TestFault_M5_HostileIds(t *testing.T) {
	for name, pointers := range map[string][]string{
		"web-order":       {"/orderNumber", "/user/id", "/lines/0/sku"},
		"sales-order":     {"/reference", "/account/number", "/positions/0/article"},
		"phone-row":       {"/call_id", "/customer_id", "/sku"},
		"shipping-status": {"/reference", "/shipment"},
		"order":           {"/order_id", "/customer/id", "/items/0/sku"},
	} {
		for _, p := range pointers {
			for _, text := range hostile {
				refused(t, name, p, text)
			}
		}
	}
}

func TestFault_M6_OneAddressAndShortTexts(t *testing.T) {
	many := make([]string, 100)
	for i := range many {
		many[i] = fmt.Sprintf("u%d@x.example", i)
	}
	addresses := []any{strings.Join(many, ","), "a@x;b@x", "a@x b@x", "Ada <a@x.example>", "a@x\r\nBcc: b@x", "ada", "a@", "@x", "a@x\x00", strings.Repeat("a", 250) + "@x.example"}
	texts := []any{"Ada\r\nBcc: b@x", "Ada\n\nDear customer", "a\x00", "\x1b[31m", "a\u202eb", strings.Repeat("x", 201)}
	for name, pointers := range map[string][2][]string{
		"web-order":     {{"/user/email"}, {"/user/name", "/shipTo/street", "/shipTo/city", "/lines/0/title", "/extras/0"}},
		"sales-order":   {{"/account/contact/email"}, {"/account/company", "/account/contact/name", "/deliver_to/city"}},
		"phone-row":     {{"/email"}, {"/name", "/agent", "/street"}},
		"order":         {{"/customer/email"}, {"/customer/name"}},
		"review-answer": {nil, {"/by"}},
	} {
		for _, p := range pointers[0] {
			refused(t, name, p, addresses...)
		}
		for _, p := range pointers[1] {
			refused(t, name, p, texts...)
		}
	}
	lines := make([]any, 20_000)
	for i := range lines {
		lines[i] = map[string]any{"sku": "S", "qty": 1, "price": 1}
	}
	refused(t, "web-order", "/lines", lines, lines[:1001])
	refused(t, "web-order", "/lines/0/qty", 0, -1, 1.5, 1e9)
	refused(t, "web-order", "/lines/0/price", -0.01, 1e8, 0.00001)
	refused(t, "web-order", "/total", -1, 1e16, 5.20001)
	refused(t, "web-order", "/currency", "eur", "EURO", "€€€")
	refused(t, "web-order", "/currancy", "USD")
	refused(t, "web-order", "/note", strings.Repeat("x", 2001), "a\x00")
	refused(t, "card-update", "/card", "", "a b", "x\ny", strings.Repeat("1", 201))
}
