package stub

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"strings"
)

type bookRequest struct {
	Order   orderRef        `json:"order"`
	Parcels json.RawMessage `json:"parcels"`
	Service string          `json:"service"`
	Address json.RawMessage `json:"address"`
	Webhook string          `json:"webhook"`
	Carrier string          `json:"carrier"`
}

// newShipping is a carrier: POST /shipments, /quote, /shipments/{id}/cancel. name is "shipping" or "shipping-new".
func newShipping(env Env, name string) *service {
	const say = `{"order":"W-1","parcels":[...],"service":"standard","address":{"zip":"12345"},"webhook":"http://..."}`
	return newService(name, env,
		route{pattern: "POST /shipments", op: "book", say: say, do: reads(func(c *call, req bookRequest) outcome { return book(c, req, name) })},
		quotes("parcelpost", "standard", 690, 50),
		route{pattern: "POST /shipments/{id}/cancel", op: "cancel", say: "an empty body or any JSON object", do: cancel})
}

func book(c *call, req bookRequest, name string) outcome {
	if out, ok := checkBooking(c, req); !ok {
		return out
	}
	ref := c.ref(req.Order)
	express := req.Service == "express"
	cents, eta := 690+50*(size(req.Parcels)-1), "2d"
	if express {
		cents, eta = cents+460, "1d"
		if name == "shipping-new" {
			cents -= 40 // what a shadow finds
		}
	}
	id := c.id("shp_")
	data := fields{"id": id, "order": ref, "service": req.Service, "parcels": size(req.Parcels), "price": money(cents)}
	if req.Webhook != "" {
		data["webhook"] = req.Webhook
	}
	return done(http.StatusCreated, "book", ref, data,
		fields{"id": id, "tracking": strings.ToUpper(derive("TRK", c.seed)), "eta": eta, "price": money(cents)})
}

func checkBooking(c *call, req bookRequest) (outcome, bool) {
	var address struct {
		Zip string `json:"zip"`
	}
	_ = json.Unmarshal(req.Address, &address) // an address may be text
	hook, err := url.Parse(req.Webhook)
	switch {
	case len(req.Parcels) == 0 || string(req.Parcels) == "null":
		return c.wrong("bad_shipment", "a shipment needs parcels"), false
	case req.Service == "bad":
		return c.wrong("bad_service", "the carrier has no service %q", req.Service), false
	case req.Webhook != "" && (err != nil || hook.Host == "" || (hook.Scheme != "http" && hook.Scheme != "https")):
		return c.wrong("bad_webhook", "webhook %q is not an http URL", req.Webhook), false
	case address.Zip == "00000":
		out := refuse(http.StatusGatewayTimeout, "carrier_timeout", "another zip", "the carrier never answers for this zip")
		out.slow = true
		return out, false
	}
	return outcome{}, true
}

func cancel(c *call) outcome {
	id := c.PathValue("id")
	var object map[string]json.RawMessage
	if len(c.body) > 0 && json.Unmarshal(c.body, &object) != nil {
		return c.unread(errors.New("the body is not a JSON object"))
	}
	return done(http.StatusOK, "cancel", c.ref("", id), fields{"shipment": id}, fields{"id": id, "result": "cancelled"})
}

// newCourier is the fast and dear one: POST /quote.
func newCourier(env Env) *service {
	return newService("courier", env, quotes("courier", "express", 1150, 100))
}

// quotes prices a body: base for the first kilogram, parcel or item, more for each further one. Nothing is remembered.
func quotes(carrier, service string, base, more int) route {
	return route{pattern: "POST /quote", op: "quote", say: `a JSON object with a weight (kg), parcels or items: {"weight":2.5}`, pure: true,
		do: func(c *call) outcome { return quote(c, carrier, service, base, more) }}
}

func quote(c *call, carrier, service string, base, more int) outcome {
	var req struct {
		Weight  *float64        `json:"weight"`
		Parcels json.RawMessage `json:"parcels"`
		Items   json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(c.body, &req); err != nil {
		return c.unread(err)
	}
	units := 1
	switch {
	case req.Weight != nil:
		units = int(math.Ceil(math.Min(math.Max(*req.Weight, 1), 10_000)))
	case req.Parcels != nil:
		units = size(req.Parcels)
	case req.Items != nil:
		units = size(req.Items)
	}
	return answer(fields{"carrier": carrier, "service": service, "price": money(base + more*(units-1))})
}

// money is an exact amount of cents as a JSON number: 690 is 6.90.
func money(cents int) json.Number { return json.Number(fmt.Sprintf("%d.%02d", cents/100, cents%100)) }
