package formula

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"orderhub/hub/doc"
	"orderhub/transforms/shape"
)

// must is a required field, may an optional one.
func req(name string, t *shape.Type) shape.Field {
	return shape.Field{Name: name, Type: t, Required: true}
}
func opt(name string, t *shape.Type) shape.Field { return shape.Field{Name: name, Type: t} }

var (
	str = shape.StringType
	num = shape.NumberType
)

func itemType() *shape.Type {
	return shape.ObjectType(req("sku", str), req("quantity", num), req("price", num), opt("parcel", str))
}

func orderType() *shape.Type {
	return shape.Named(shape.ObjectType(req("order_id", str), req("source", shape.EnumOf("web", "phone", "sales")),
		req("customer", shape.ObjectType(req("id", str), req("email", str), opt("profile", shape.OpenObject))),
		req("payment", shape.ObjectType(req("method", str), opt("card", str))), req("extras", shape.ArrayOf(str)), req("total", num),
		req("items", shape.ArrayOf(itemType())), opt("documents", shape.AnyType)), "schema order")
}

func webOrderType() *shape.Type {
	return shape.Named(shape.ObjectType(req("orderNumber", str), req("user", shape.ObjectType(req("id", str), opt("email", str))),
		opt("pay", shape.ObjectType(req("type", str), opt("token", str))), opt("extras", shape.ArrayOf(str)), req("total", num),
		req("lines", shape.ArrayOf(shape.ObjectType(req("sku", str), req("qty", num), req("price", num))))), "schema web-order")
}

// orderHub is the scope, and the values of its locals.
func orderHub(body *shape.Type, locals map[string]*shape.Type, values map[string]string) (*Scope, []doc.Value) {
	s := NewScope().WithBody(body).
		WithFunc("table", Func{Params: []*shape.Type{str}, Result: shape.OpenObject, Call: func(*Frame, []doc.Value) (doc.Value, error) {
			return doc.Parse([]byte(`{"eu":["a","b"]}`))
		}}).
		WithFunc("process", Func{Params: []*shape.Type{str, str}, Result: shape.OpenObject, Call: func(*Frame, []doc.Value) (doc.Value, error) {
			return doc.Parse([]byte(`{"public":{"state":"paid"}}`))
		}})
	var names []string
	for name := range locals {
		names = append(names, name)
	}
	slices.Sort(names)
	var vals []doc.Value
	for _, name := range names {
		s, _ = s.WithLocal(name, locals[name])
		v, err := doc.Parse([]byte(values[name]))
		if err != nil {
			panic(name + ": " + err.Error())
		}
		vals = append(vals, v)
	}
	return s, vals
}

const canonical = `{"order_id":"W-1","source":"web","customer":{"id":"c1","email":"a@b.c","profile":{"region":"eu"}},"payment":{"method":"card","card":"tok"},
"extras":["gift-wrap"],"total":129.90,"items":[{"sku":"A","quantity":2,"price":19.95,"parcel":"p1"},{"sku":"B","quantity":1,"price":90.00}]}`

const webOrder = `{"orderNumber":"W-1","user":{"id":"u1","email":"A@B.C"},"total":129.90,"lines":[{"sku":"A","qty":2,"price":19.95}]}`

const event = `{"sku":"A","on_hand":3,"quantity":5,"rows":"2","call_id":"c1","version":4,"token":"t","shipment":"s","seq":1,"reference":"W-1","status":"shipped",
"source":"web","state":"paid","email":"a@b.c","order_id":"W-1","parcel":"p1"}`

var anyObj = shape.OpenObject

// plausible are the groups of formulas of order-hub.yaml with the scope that they would have there.
var plausible = []struct {
	name, body string
	typ        *shape.Type
	locals     map[string]*shape.Type
	values     map[string]string
	formulas   map[string]string
}{
	{"web-orders", webOrder, webOrderType(), map[string]*shape.Type{"it": shape.ObjectType(req("sku", str), req("qty", num), req("price", num))},
		map[string]string{"it": `{"sku":"A","qty":2,"price":19.95}`},
		map[string]string{`body.orderNumber`: `"W-1"`, `"/orders/" + body.orderNumber`: `"/orders/W-1"`, `body.user.id`: `"u1"`,
			`lower(body.user.email)`: `"a@b.c"`, `body.pay?.type ?? "card"`: `"card"`, `body.pay?.token`: `null`, `body.extras ?? []`: `[]`,
			`body.total`: `129.90`, `body.lines`: `[{"sku":"A","qty":2,"price":19.95}]`, `it.sku`: `"A"`, `it.qty`: `2`, `it.price`: `19.95`}},
	{"order", canonical, orderType(), map[string]*shape.Type{"order": orderType(), "task": anyObj, "charge": anyObj, "event": anyObj, "packed": anyObj,
		"carrier": anyObj, "shipment": anyObj, "invoice": anyObj},
		map[string]string{"order": canonical, "task": `{"approve":true}`, "charge": `{"id":"ch1","result":"approved"}`, "event": `{"card":"tok2"}`,
			"packed": `{"parcels":{"p1":[]}}`, "carrier": `{"service":"fast"}`, "shipment": `{"id":"s1"}`, "invoice": `{"id":"i1"}`},
		map[string]string{`body.order_id`: `"W-1"`, `len(body.items) > 0`: `true`, `sum(body.items, .price * .quantity) == body.total`: `true`,
			`body.customer.id`: `"c1"`, `body.customer.profile.region`: `"eu"`, `body.documents`: `null`, `body.items`: ``, `headers.extras`: ``,
			`order.total > 2000 or order.source == "phone"`: `false`, `order.payment.method == "invoice"`: `false`, `task.approve`: `true`,
			`order.total`: `129.90`, `order.payment.card`: `"tok"`, `charge.id`: `"ch1"`, `charge.result == "approved"`: `true`,
			`charge.result == "expired_card"`: `false`, `order.customer.email`: `"a@b.c"`, `order`: ``, `event.card`: `"tok2"`, `invoice.id`: `"i1"`,
			`order.extras`: `["gift-wrap"]`, `id`: `"m1"`, `packed`: ``, `packed.parcels`: ``, `carrier.service`: `"fast"`, `shipment.id`: `"s1"`}},
	{"events", event, anyObj, map[string]*shape.Type{"stock": anyObj, "size": num, "bodies": shape.ArrayOf(itemType()), "replies": shape.ArrayOf(anyObj), "params": anyObj},
		map[string]string{"stock": `{"reserved":true,"incoming":false,"warehouse":"north"}`, "size": `2`, "params": `{"id":"W-1"}`,
			"bodies": `[{"sku":"A","quantity":2,"price":1,"parcel":"p1"}]`, "replies": `[{"price":9.50,"s":1},{"price":9,"s":2}]`},
		map[string]string{`size == int(body.rows)`: `true`, `bodies`: ``, `body.sku`: `"A"`, `body.quantity`: `5`, `stock.reserved`: `true`,
			`stock.warehouse`: `"north"`, `stock.incoming`: `false`, `groupBy(bodies, .parcel)`: `{"p1":[{"sku":"A","quantity":2,"price":1,"parcel":"p1"}]}`,
			`body.on_hand >= body.quantity`: `false`, `body.quantity - body.on_hand`: `2`, `first(sortBy(replies, .price))`: `{"price":9,"s":2}`,
			`body.version`: `4`, `params.id`: `"W-1"`, `body.token`: `"t"`, `body.shipment`: `"s"`, `body.seq`: `1`, `body.reference`: `"W-1"`,
			`body.status`: `"shipped"`, `process('order', params.id).public`: `{"state":"paid"}`, `body.call_id`: `"c1"`, `body.order_id`: `"W-1"`,
			`body.state in ["paid", "shipped", "cancelled"]`: `true`, `body.email`: `"a@b.c"`, `body`: ``, `table("partners").eu`: `["a","b"]`,
			`body.source`: `"web"`, `body.state`: `"paid"`, `true`: `true`, `body.documents`: `null`}},
}

func TestOrderHubFormulas(t *testing.T) {
	for _, g := range plausible {
		s, locals := orderHub(g.typ, g.locals, g.values)
		for src, want := range g.formulas {
			f, errs := Compile(src, s)
			if errs != nil {
				t.Errorf("%s: %s: %v", g.name, src, errs)
				continue
			}
			fr := frameOf(t, g.body)
			fr.Locals = locals
			v, err := f.Eval(fr)
			if got := string(v.JSON()); err != nil || want != "" && got != want {
				t.Errorf("%s: %s = %s, %v; want %s", g.name, src, got, err, want)
			}
			if m := shape.Assignable(shape.OfValue(v), f.Type()); len(m) > 0 && !v.IsNull() {
				t.Errorf("%s: %s: the value is not of the type %s: %v", g.name, src, f.Type(), m)
			}
		}
	}
}

// TestOrderHubIsCovered finds every formula of a whole configuration and looks for it in the groups above.
func TestOrderHubIsCovered(t *testing.T) {
	text, err := os.ReadFile("testdata/order-hub.yaml")
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, g := range plausible {
		for src := range g.formulas {
			known[src] = true
		}
	}
	found := 0
	for _, src := range formulasOf(string(text)) {
		found++
		if !known[src] {
			t.Errorf("not tested: %s", src)
		}
	}
	if found < 60 {
		t.Errorf("found only %d formulas", found)
	}
}

var (
	quoted    = regexp.MustCompile(`[:\[] *(?:'=([^']*)'|"=([^"]*)")`)
	plain     = regexp.MustCompile(`[:\[] *=((?:\[\]|\?\?|"[^"]*"|\([^()]*\)|[^,{}\[\]#\n"])+)`)
	condition = regexp.MustCompile(`\b(?:when|rule|by|key|until|each|filter|order|id|version|visit): *(?:"([^"=]*=?=?[^"]*)"|([a-z(][^,{}\[\n#]*(?:\[[^\]]*\])?))`)
)

// formulasOf reads YAML the rough way: enough for a reference that is written by hand.
func formulasOf(text string) []string {
	text, _, _ = strings.Cut(text, "\ntests:")
	_, text, _ = strings.Cut(text, "\nchannels:")
	var out []string
	for _, re := range []*regexp.Regexp{quoted, plain, condition} {
		for _, m := range re.FindAllStringSubmatch(text, -1) {
			src := ""
			for _, g := range m[1:] {
				if g != "" {
					src = strings.TrimSpace(g)
				}
			}
			word := strings.ContainsAny(src, ".( ") || src == "order" || src == "id"
			if src != "" && !strings.HasPrefix(src, "=") && word && !strings.HasPrefix(src, "queue") {
				out = append(out, src)
			}
		}
	}
	return out
}
