package formula

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/currency"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
	"golang.org/x/text/number"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

func numberBuiltins() []builtin {
	return []builtin{
		ofNumber("abs", doc.Decimal.Abs),
		ofNumber("floor", doc.Decimal.Floor),
		ofNumber("ceil", doc.Decimal.Ceil),
		{name: "round", params: []set{nums, nums}, optional: 1, result: shape.NumberType, do: round},
		{name: "min", params: []set{nums | strs | arrs}, open: true, typeOf: elementOrJoin, do: extreme(-1)},
		{name: "max", params: []set{nums | strs | arrs}, open: true, typeOf: elementOrJoin, do: extreme(1)},
		{name: "mean", params: []set{nums | arrs}, open: true, result: shape.OrNull(shape.NumberType), do: mean},
	}
}

// ofNumber is a builtin from a number to a number.
func ofNumber(name string, do func(doc.Decimal) doc.Decimal) builtin {
	return builtin{name: name, params: []set{nums}, result: shape.NumberType,
		do: func(s *site, fr *Frame) doc.Value { return doc.NumberValue(do(s.num(fr, 0))) }}
}

// round rounds halves away from zero, to whole numbers or to so many places.
func round(s *site, fr *Frame) doc.Value {
	d, places := s.num(fr, 0), 0
	if len(s.args) > 1 {
		v, ok := s.arg(fr, 1), false
		if places, ok = intOf(v); !ok || places < -400 || places > 400 {
			panic(s.args[1].wrong(fr, v, "a whole number from -400 to 400"))
		}
	}
	return doc.NumberValue(d.Round(places))
}

func elementOrJoin(args []*node) *shape.Type {
	if len(args) > 1 {
		return joinTypes(args)
	}
	if args[0].typ.Is(shape.Array) {
		return shape.OrNull(args[0].typ.Element())
	}
	return shape.AnyType
}

// joinTypes is what is true of each of the nodes.
func joinTypes(nodes []*node) *shape.Type {
	t := nodes[0].typ
	for _, n := range nodes[1:] {
		t = shape.Join(t, n.typ)
	}
	return t
}

// eachOf visits the elements of one list, or the arguments.
func (s *site) eachOf(fr *Frame, do func(i int, v doc.Value, n *node)) {
	vals := s.all(fr)
	if len(vals) == 1 && vals[0].Kind() == doc.Array {
		for i, v := range vals[0].Elems() {
			s.within(fr, fr.spend(1))
			do(i, v, s.args[0].element(i))
		}
		return
	}
	for i, v := range vals {
		do(i, v, s.args[i])
	}
}

// extreme is min (-1) and max (1) of one list, or of two values and more. Of an empty list it is null.
func extreme(sign int) func(*site, *Frame) doc.Value {
	return func(s *site, fr *Frame) doc.Value {
		var best doc.Value
		s.eachOf(fr, func(i int, v doc.Value, n *node) {
			if i == 0 {
				best = v
			}
			if compareValues(fr, n, n, v, best)*sign > 0 {
				best = v
			}
		})
		return orNull(best)
	}
}

// mean is the arithmetic mean; of an empty list it is null.
func mean(s *site, fr *Frame) doc.Value {
	sum, count := doc.Int(0), int64(0)
	s.eachOf(fr, func(_ int, v doc.Value, n *node) {
		if v.Kind() != doc.Number {
			panic(n.wrong(fr, v, "a number"))
		}
		sum = sum.Add(v.Num())
		count++
	})
	if count == 0 {
		return doc.NullValue()
	}
	d, _ := sum.Div(doc.Int(count))
	return doc.NumberValue(d)
}

// moneyBuiltins count money in its units, and write it for people.
func moneyBuiltins() []builtin {
	return []builtin{
		inCurrency("money", func(d doc.Decimal, places int) doc.Decimal { return d.Round(places) }),
		inCurrency("cents", func(d doc.Decimal, places int) doc.Decimal {
			return d.Round(places).Mul(doc.Int(pow10(places))).Round(0)
		}),
		inCurrency("fromCents", func(d doc.Decimal, places int) doc.Decimal {
			amount, _ := d.Div(doc.Int(pow10(places))) // by no zero
			return amount.Round(places)
		}),
		{name: "formatMoney", params: []set{nums, strs, strs}, result: shape.StringType, do: formatMoney},
		{name: "formatNumber", params: []set{nums, strs, nums}, optional: 1, result: shape.StringType, do: formatNumber},
	}
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// inCurrency is a builtin of an amount and the places of its currency: two, where none is named.
func inCurrency(name string, do func(d doc.Decimal, places int) doc.Decimal) builtin {
	return builtin{name: name, params: []set{nums, strs}, optional: 1, result: shape.NumberType, do: func(s *site, fr *Frame) doc.Value {
		d, places := s.num(fr, 0), 2
		if len(s.args) > 1 {
			places = s.places(fr, 1)
		}
		return doc.NumberValue(do(d, places))
	}}
}

// places are those of the currency that argument i names.
func (s *site) places(fr *Frame, i int) int {
	code := s.str(fr, i)
	places, ok := currencyPlaces(code)
	if !ok {
		e := s.args[i].fail("%q is no currency", cut(code))
		e.Help = "write its code of ISO 4217, such as EUR"
		panic(e)
	}
	return places
}

// marks are how a language writes numbers.
type marks struct {
	name         string // of the language
	printer      *message.Printer
	digits       [10]string
	point, group string
	last, other  int // digits of the last group, and of those before it
	minus        string
	front        bool   // the symbol of a currency stands before the amount
	gap          string // between them
}

// fronts are the languages and countries that write the symbol of a currency before the amount, with what stands between them; in
// all others it stands behind. Unicode's CLDR has these as patterns.
var fronts = map[string]string{"en": "", "ja": "", "zh": "", "ko": "", "th": "", "hi": "", "tr": "", "es-MX": "", "es-US": "", "nl": nbsp, "id": nbsp, "pt-BR": nbsp,
	"de-AT": nbsp, "de-CH": nbsp, "it-CH": nbsp, "es-AR": nbsp, "es-CO": nbsp, "es-CL": ""}

const nbsp = "\u00a0"

// marksOf are those of the language that argument i names.
func (s *site) marksOf(fr *Frame, i int) *marks {
	name := s.str(fr, i)
	if known := s.marks.Load(); known != nil && known.name == name {
		return known
	}
	tag, err := language.Parse(name)
	if err != nil || len(name) > 40 {
		e := s.args[i].fail("%q is no language", cut(name))
		e.Help = "write de-DE, en-US, fr"
		panic(e)
	}
	m := newMarks(name, tag)
	s.marks.Store(m)
	return m
}

func newMarks(name string, tag language.Tag) *marks {
	m := &marks{name: name, printer: message.NewPrinter(tag), last: 3, other: 3}
	for i := range m.digits {
		m.digits[i] = m.printer.Sprint(number.Decimal(i))
	}
	m.minus = strings.TrimSuffix(m.printer.Sprint(number.Decimal(-1)), m.digits[1])
	var between []string // what stands between digits: groups, and the point
	run, runs := 0, []int(nil)
	for _, r := range m.printer.Sprint(number.Decimal(1234567.5)) {
		if unicode.IsDigit(r) {
			run++
			continue
		}
		between, runs, run = append(between, string(r)), append(runs, run), 0
	}
	if n := len(between); n > 0 {
		m.point = between[n-1]
		if n > 1 {
			m.group, m.last, m.other = between[0], runs[n-1], runs[n-1]
		}
		if n > 2 {
			m.other = runs[n-2]
		}
	}
	base, _ := tag.Base()
	region, _ := tag.Region()
	gap, front := fronts[base.String()+"-"+region.String()]
	if !front {
		gap, front = fronts[base.String()]
	}
	m.front, m.gap = front, gap
	return m
}

// write is a number with all its digits.
func (m *marks) write(d doc.Decimal) string {
	whole, part, _ := strings.Cut(d.Abs().String(), ".")
	var b strings.Builder
	if d.Sign() < 0 {
		b.WriteString(m.minus)
	}
	for i, c := range whole {
		left := len(whole) - i
		if i > 0 && left >= m.last && (left-m.last)%m.other == 0 {
			b.WriteString(m.group)
		}
		b.WriteString(m.digits[c-'0'])
	}
	if part != "" {
		b.WriteString(m.point)
	}
	for _, c := range part {
		b.WriteString(m.digits[c-'0'])
	}
	return b.String()
}

func formatNumber(s *site, fr *Frame) doc.Value {
	d, m := s.num(fr, 0), s.marksOf(fr, 1)
	if len(s.args) > 2 {
		d = d.Round(min(s.size(fr, 2), 400))
	}
	return s.built(fr, m.write(d))
}

// formatMoney writes an amount with the places and the symbol of its currency.
func formatMoney(s *site, fr *Frame) doc.Value {
	d, places, m := s.num(fr, 0), s.places(fr, 1), s.marksOf(fr, 2)
	unit, _ := currency.ParseISO(s.str(fr, 1)) // places knows it
	symbol, gap := m.printer.Sprint(currency.Symbol(unit)), m.gap
	if !m.front {
		return s.built(fr, m.write(d.Round(places))+nbsp+symbol)
	}
	if last, _ := utf8.DecodeLastRuneInString(symbol); unicode.IsLetter(last) {
		gap = nbsp
	}
	text, minus := m.write(d.Round(places).Abs()), ""
	if d.Round(places).Sign() < 0 {
		minus = m.minus
	}
	return s.built(fr, minus+symbol+gap+text)
}

// placesOf are those of the currencies that have other than two, by ISO 4217.
var placesOf = map[int]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
	3: "BHD IQD JOD KWD LYD OMR TND",
	4: "CLF UYW",
}

// currencyPlaces tells how many decimal places the minor unit of a currency has: 2 for EUR, 0 for JPY. code is that of ISO 4217.
func currencyPlaces(code string) (n int, ok bool) {
	if unit, err := currency.ParseISO(code); len(code) != 3 || err != nil || unit.String() != code {
		return 0, false
	}
	for n, codes := range placesOf {
		if strings.Contains(codes, code) {
			return n, true
		}
	}
	return 2, true
}
