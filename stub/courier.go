package stub

import "net/http"

// NewCourier is the fast and dear one: POST /quote.
func NewCourier(env Env) http.Handler { return newCourier(env) }

func newCourier(env Env) *service {
	return newService("courier", env, route{pattern: "POST /quote", op: "quote", say: quoteSay, pure: true,
		do: func(c *call) outcome { return quote(c, "courier", "express", 1150, 100) }})
}
