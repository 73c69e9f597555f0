package stub

import (
	"hash/fnv"
	"net/http"
	"strings"
)

// NewCatalog knows every product and customer but those whose ID begins with NO-: GET /products/{sku}, /customers/{id}.
func NewCatalog(env Env) http.Handler { return newCatalog(env) }

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
		return newProblem(http.StatusNotFound, "no_product", c.say, "no product %q", sku).outcome()
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
		return newProblem(http.StatusNotFound, "no_customer", c.say, "no customer %q", id).outcome()
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
