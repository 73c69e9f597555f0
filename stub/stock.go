package stub

import (
	"net/http"
	"strings"
)

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

// NewStock is the two stock services: POST /widgets/reserve, /gadgets/reserve, /release.
func NewStock(env Env) http.Handler { return newStock(env) }

func newStock(env Env) *service {
	const say = `{"sku":"W-100","quantity":2,"order":"W-1"}`
	return newService("stock", env,
		route{pattern: "POST /widgets/reserve", op: "reserve", say: say, do: func(c *call) outcome { return reserve(c, "widget") }},
		route{pattern: "POST /gadgets/reserve", op: "reserve", say: say, do: func(c *call) outcome { return reserve(c, "gadget") }},
		route{pattern: "POST /release", op: "release", say: `{"order":"W-1"}, and a sku to release no more than that`, do: release})
}

func reserve(c *call, kind string) outcome {
	var req reserveRequest
	if out, ok := c.decode(&req); !ok {
		return out
	}
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

func release(c *call) outcome {
	var req releaseRequest
	if out, ok := c.decode(&req); !ok {
		return out
	}
	ref := c.ref(req.Order)
	if ref == "" && req.SKU == "" {
		return c.wrong("bad_release", "a release needs the order or a sku")
	}
	return done(http.StatusOK, "release", ref, fields{"order": ref, "sku": req.SKU}, fields{"released": true})
}
