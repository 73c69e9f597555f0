package stub

import (
	"hash/fnv"
	"net/http"
	"strings"
)

// newCatalog knows every product and customer but those whose ID begins with NO-: GET /products/{sku}, /customers/{id}.
func newCatalog(env Env) *service {
	return newService("catalog", env,
		route{pattern: "GET /products/{sku}", op: "product", say: "a sku that does not begin with NO-", pure: true, do: product},
		route{pattern: "GET /customers/{id}", op: "customer", say: "an ID that does not begin with NO-", pure: true, do: customer})
}

// pick is a number below n, the same for the same text.
func pick(text string, n int) int {
	h := fnv.New32a()
	h.Write([]byte(text))
	return int(h.Sum32() % uint32(n))
}

func product(c *call) outcome {
	sku := c.PathValue("sku")
	if strings.HasPrefix(sku, "NO-") {
		return refuse(http.StatusNotFound, "no_product", c.say, "no product %q", sku)
	}
	kind := []string{"widget", "gadget"}[pick(sku+"kind", 2)]
	switch upper := strings.ToUpper(sku); {
	case strings.HasPrefix(upper, "W"):
		kind = "widget"
	case strings.HasPrefix(upper, "G"):
		kind = "gadget"
	}
	stock := 5 + pick(sku+"stock", 200)
	if sku == "OUT-OF-STOCK" || strings.HasPrefix(sku, "BACKORDER") {
		stock = 0
	}
	adjective := []string{"Blue", "Small", "Heavy", "Plain", "Round"}[pick(sku, 5)]
	weight := money(10 + pick(sku+"weight", 490))
	return answer(fields{"sku": sku, "name": adjective + " " + kind, "kind": kind, "price": money(199 + pick(sku+"price", 9800)),
		"weight": weight, "stock": stock})
}

func customer(c *call) outcome {
	id := c.PathValue("id")
	if strings.HasPrefix(id, "NO-") {
		return refuse(http.StatusNotFound, "no_customer", c.say, "no customer %q", id)
	}
	region := []string{"eu", "us"}[pick(id+"region", 2)]
	for _, r := range []string{"eu", "us"} {
		if strings.HasSuffix(strings.ToLower(id), "-"+r) {
			region = r
		}
	}
	name := []string{"Ada", "Grace", "Edsger", "Barbara", "Alan"}[pick(id, 5)]
	return answer(fields{"id": id, "name": name + " " + id, "email": strings.ToLower(name) + "." + derive("", id)[:6] + "@example.com",
		"tier": []string{"standard", "silver", "gold"}[pick(id+"tier", 3)], "region": region})
}

type reserveRequest struct {
	Type     string   `json:"type"`
	SKU      string   `json:"sku"`
	Quantity exact    `json:"quantity"`
	Order    orderRef `json:"order"`
}

type releaseRequest struct {
	Type      string   `json:"type"`
	SKU       string   `json:"sku"`
	Quantity  exact    `json:"quantity"`
	Order     orderRef `json:"order"`
	Warehouse string   `json:"warehouse"`
}

// newStock is the two stock services: POST /widgets/reserve, /gadgets/reserve, /release.
func newStock(env Env) *service {
	const say = `{"sku":"W-100","quantity":2,"order":"W-1"}`
	return newService("stock", env,
		route{pattern: "POST /widgets/reserve", op: "reserve", say: say, do: reserve("widget")},
		route{pattern: "POST /gadgets/reserve", op: "reserve", say: say, do: reserve("gadget")},
		route{pattern: "POST /release", op: "release", say: `{"order":"W-1"}, and a sku to release no more than that`, do: reads(release)})
}

func reserve(kind string) func(*call) outcome {
	return reads(func(c *call, req reserveRequest) outcome { return reserved(c, req, kind) })
}

func reserved(c *call, req reserveRequest, kind string) outcome {
	if req.SKU == "" || !req.Quantity.positive() {
		return c.wrong("bad_reservation", "a reservation needs a sku and a quantity above 0")
	}
	ref := c.ref(req.Order)
	data := fields{"kind": kind, "sku": req.SKU, "quantity": req.Quantity, "order": ref}
	switch {
	case req.SKU == "OUT-OF-STOCK":
		return done(http.StatusOK, "reserve.out_of_stock", ref, data, fields{"reserved": false, "sku": req.SKU, "quantity": req.Quantity})
	case strings.HasPrefix(req.SKU, "BACKORDER"):
		return done(http.StatusOK, "reserve.backorder", ref, data,
			fields{"reserved": false, "incoming": true, "eta": "3d", "sku": req.SKU, "quantity": req.Quantity})
	}
	warehouse := []string{"W1", "W2"}[pick(req.SKU, 2)]
	data["warehouse"] = warehouse
	return done(http.StatusOK, "reserve", ref, data, fields{"reserved": true, "warehouse": warehouse, "sku": req.SKU, "quantity": req.Quantity})
}

func release(c *call, req releaseRequest) outcome {
	ref := c.ref(req.Order)
	if ref == "" && req.SKU == "" {
		return c.wrong("bad_release", "a release needs the order or a sku")
	}
	return done(http.StatusOK, "release", ref, fields{"order": ref, "sku": req.SKU}, fields{"released": true})
}
