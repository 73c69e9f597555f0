package formula

import (
	"strings"
	"testing"
	"time"

	"orderhub/hub/doc"
)

// results checks what formulas give on the order of the tests; an error is "error: " and a part of its text.
func results(t *testing.T, cases map[string]string) {
	t.Helper()
	fr := frameOf(t, order)
	for src, want := range cases {
		f, errs := Compile(src, openScope())
		got := ""
		if errs != nil {
			got = "error: " + errs[0].Message
		} else if v, err := f.Eval(fr); err != nil {
			got = "error: " + err.Error()
		} else {
			got = string(v.JSON())
		}
		if part, fails := strings.CutPrefix(want, "error: "); fails && strings.HasPrefix(got, "error: ") && strings.Contains(got, part) || got == want {
			continue
		}
		t.Errorf("%s\n got %s\nwant %s", src, got, want)
	}
}

func TestCodes(t *testing.T) {
	results(t, map[string]string{
		`base64("")`:                            `""`,
		`base64("José")`:                        `"Sm9zw6k="`,
		`base64("a?>", "base64url")`:            `"YT8-"`,
		`base64(body.user.name) | fromBase64()`: `"José"`,
		`fromBase64("YQ")`:                      `"a"`,
		`fromBase64("YQ==")`:                    `"a"`,
		`fromBase64("YQ=a")`:                    `error: is no base64 of a text`,
		`fromBase64("/w==")`:                    `error: is no base64 of a text`,
		`base64("a", "hex")`:                    `error: "hex" is not one of base64, base64url`,
		`hex("é")`:                              `"c3a9"`,
		`fromHex("C3A9")`:                       `"é"`,
		`fromHex("c3a")`:                        `error: is no hex of a text`,
		`urlEncode("a+b&c=é~")`:                 `"a%2Bb%26c%3D%C3%A9~"`,
		`urlDecode("a%2Bb%20c")`:                `"a+b c"`,
		`urlDecode("%zz")`:                      `error: is no URL encoding of a text`,
		`urlDecode("%ff")`:                      `error: is no URL encoding of a text`,
		`sha256("abc")`:                         `"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"`,
		`sha256("abc", "base64url")`:            `"ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"`,
		`hmac("what do ya want for nothing?", "Jefe", "base64")`:      `"W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="`,
		`hmac("what do ya want for nothing?", "Jefe", "hex", "sha1")`: `"effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"`,
		`hmac("x", "")`:                `error: the key of a signature is empty`,
		`hmac("x", "k", "hex", "md5")`: `error: "md5" is not one of sha1, sha256, sha384, sha512`,
	})
}

func TestPatterns(t *testing.T) {
	results(t, map[string]string{
		`captures(body.order_id, "^([A-Z])-([0-9]+)(-x)?$")`:  `["W-1","W","1",""]`,
		`captures("none", "^[0-9]+$")`:                        `null`,
		`captures(body.order_id, "[0-9]+")[0]`:                `"1"`,
		`captures("x", body.order_id)`:                        `error: the pattern must be a constant`,
		`captures("x", "(")`:                                  `error: bad pattern: missing closing )`,
		`replaceMatches("a1b22c", "[0-9]+", "<$0>")`:          `"a<1>b<22>c"`,
		`replaceMatches("José", "(?P<last>.)$", "[${last}]")`: `"Jos[é]"`,
		`replaceMatches("abc", "", "-")`:                      `"-a-b-c-"`,
		`replaceMatches("abc", "x", "y")`:                     `"abc"`,
		`padLeft("é", 3)`:                                     `"  é"`,
		`padLeft("abcd", 3, "0")`:                             `"abcd"`,
		`padRight("a", 3, "é")`:                               `"aéé"`,
		`padLeft("a", 3, "xy")`:                               `error: a text is filled with one character, not with "xy"`,
		`padLeft("a", 1000000000)`:                            `error: the formula needs more than`,
		`padLeft("a", -1)`:                                    `error: a whole number from 0 on`,
	})
}

func TestPaths(t *testing.T) {
	results(t, map[string]string{
		`get(body, "user.name")`:                                      `"José"`,
		`get(body, "items.-1.sku")`:                                   `"C"`,
		`get(body, ["items", 0, "price"])`:                            `19.95`,
		`get(body, "items.7.sku") ?? "none"`:                          `"none"`,
		`get(body, "order_id.x")`:                                     `null`,
		`get({"a.b": 1}, ["a.b"])`:                                    `1`,
		`set(body.user, "address.city", "Rome").address`:              `{"city":"Rome"}`,
		`set(body, "items.0.price", 1).items[0].price`:                `1`,
		`set(body.nums, "3", 9)`:                                      `[3,1,2,9]`,
		`set(body.nums, "7", 9)`:                                      `error: body.nums has no element there`,
		`set(body, "items.x", 9)`:                                     `error: body has no element there`,
		`set(body.user, "id", nil).id`:                                `null`,
		`merge({a: 1, b: {x: 1, y: [1]}}, {b: {y: [2], z: 3}, c: 4})`: `{"a":1,"b":{"x":1,"y":[2],"z":3},"c":4}`,
		`merge({a: 1}, {a: nil})`:                                     `{"a":null}`,
		`merge({a: {b: 1}}, {a: 2}, {a: {c: 3}})`:                     `{"a":{"c":3}}`,
		`merge(body.user, body.nums)`:                                 `error: is an array, not an object`,
	})
}

func TestTimes(t *testing.T) {
	results(t, map[string]string{
		`iso("2026-10-25T02:15:00.000+0100")`:                                         `"2026-10-25T01:15:00Z"`,
		`iso("Sun, 01 Mar 2026 12:00:00 GMT")`:                                        `"2026-03-01T12:00:00Z"`,
		`iso("1 March 2026")`:                                                         `error: is no time`,
		`iso("2026-13-01")`:                                                           `error: is no time`,
		`formatTime(body.when, "Monday, 2 January 2006")`:                             `"Sunday, 1 March 2026"`,
		`formatTime("2026-10-25T00:30:00Z", "15:04 MST -0700", "Europe/Berlin")`:      `"02:30 CEST +0200"`,
		`formatTime("2026-10-25T01:30:00Z", "15:04 MST -0700", "Europe/Berlin")`:      `"02:30 CET +0100"`,
		`formatTime(0, "2006-01-02", "America/New_York")`:                             `"1969-12-31"`,
		`formatTime(body.when, "2006", "Berlin")`:                                     `error: "Berlin" is no time zone`,
		`formatTime(body.when, "2006", "Local")`:                                      `error: "Local" is no time zone`,
		`parseTime("31.12.2026", "02.01.2006")`:                                       `"2026-12-31T00:00:00Z"`,
		`parseTime("2026-07-01 14:00 +0530", "2006-01-02 15:04 -0700", "Asia/Tokyo")`: `"2026-07-01T08:30:00Z"`,
		`parseTime("31.02.2026", "02.01.2006")`:                                       `error: is no time as 02.01.2006`,
		`epoch("2026-03-01T12:00:00Z")`:                                               `1772366400`,
		`epoch("2026-03-01T12:00:00.0015Z", "ms")`:                                    `1772366400001`,
		`epoch("1969-12-31T23:59:59.5Z")`:                                             `-1`,
		`epoch("9999-12-31T23:59:59Z", "ns")`:                                         `253402300799000000000`,
		`epoch(body.when, "h")`:                                                       `error: "h" is not one of ms, ns, s, us`,
		`seconds("1h30m")`:                                                            `5400`,
		`seconds("-250ms")`:                                                           `-0.25`,
		`seconds("soon")`:                                                             `error: is no duration`,
		`fromEpoch(1772366400)`:                                                       `"2026-03-01T12:00:00Z"`,
		`fromEpoch(1772366400123, "ms")`:                                              `"2026-03-01T12:00:00Z"`,
		`fromEpoch(1772366400123)`:                                                    `error: is no time`,
	})
}

// TestFault_F9_MinorUnits: amounts are counted in the units that their currency has.
func TestFault_F9_MinorUnits(t *testing.T) {
	results(t, map[string]string{
		`cents(1500, "JPY")`:     `1500`,
		`cents(1.235, "KWD")`:    `1235`,
		`cents(12.34, "EUR")`:    `1234`,
		`cents(0.005, "USD")`:    `1`,
		`cents(1.00005, "CLF")`:  `10001`,
		`cents(1234.5, "ISK")`:   `1235`,
		`cents(-1.5, "BHD")`:     `-1500`,
		`money(1234.5, "JPY")`:   `1235`,
		`money(1.2, "TND")`:      `1.200`,
		`fromCents(1500, "JPY")`: `1500`,
		`fromCents(1500)`:        `15.00`,
		`fromCents(7, "OMR")`:    `0.007`,
		`cents(1, "XXY")`:        `error: "XXY" is no currency`,
		`cents(1, "eur")`:        `error: "eur" is no currency`,
		`cents(1, "€")`:          `error: "€" is no currency`,
	})
}

func TestLocales(t *testing.T) {
	results(t, map[string]string{
		`formatNumber(1234567.891, "en")`:                       `"1,234,567.891"`,
		`formatNumber(-1234.5, "de-CH", 2)`:                     `"-1’234.50"`,
		`formatNumber(1234567, "en-IN")`:                        `"12,34,567"`,
		`formatNumber(999, "de")`:                               `"999"`,
		`formatNumber(0.5, "de")`:                               `"0,5"`,
		`formatNumber(123456789012345678901234567890.12, "de")`: `"123.456.789.012.345.678.901.234.567.890,12"`,
		`formatNumber(1, "xx-yy-zz-")`:                          `error: "xx-yy-zz-" is no language`,
		`formatMoney(1234.5, "EUR", "de-DE")`:                   "\"1.234,50\u00a0€\"",
		`formatMoney(-1234.5, "USD", "en-US")`:                  `"-$1,234.50"`,
		`formatMoney(1234.5, "CHF", "en")`:                      "\"CHF\u00a01,234.50\"",
		`formatMoney(1234.5, "EUR", "nl")`:                      "\"€\u00a01.234,50\"",
		`formatMoney(1234.5, "KWD", "fr")`:                      "\"1\u00a0234,500\u00a0KWD\"",
		`formatMoney(1234.5, "BRL", "pt-BR")`:                   "\"R$\u00a01.234,50\"",
		`formatMoney(1234.5, "XQX", "de")`:                      `error: "XQX" is no currency`,
	})
}

// What is looked up once for a call is right when the next call names another.
func TestZonesAndLanguagesOfMessages(t *testing.T) {
	f := must(t, `map(["UTC", "Asia/Tokyo", "UTC"], formatTime("2026-03-01T12:00:00Z", "15", #)) | join(" ")`, openScope())
	if v, err := f.Eval(frameOf(t, order)); err != nil || v.Str() != "12 21 12" {
		t.Errorf("%s, %v", v, err)
	}
	f = must(t, `map(["de", "en", "de"], formatNumber(1.5, #)) | join(" ")`, openScope())
	if v, err := f.Eval(frameOf(t, order)); err != nil || v.Str() != "1,5 1.5 1,5" {
		t.Errorf("%s, %v", v, err)
	}
}

func BenchmarkISO(b *testing.B) {
	for _, text := range []string{"2026-03-01T12:00:00Z", "2026-03-01 14:00:00.000+0200", "Sun, 01 Mar 2026 12:00:00 GMT"} {
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			var at time.Time
			for b.Loop() {
				at, _ = doc.ParseTime(text)
			}
			_ = at
		})
	}
}
