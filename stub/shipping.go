package stub

import (
	"encoding/json"
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

// shipmentWatch is told of every new booking and cancellation, after it is recorded; nil functions are not called.
type shipmentWatch struct {
	booked    func(Effect)
	cancelled func(shipment string)
}

// NewShipping is a carrier: POST /shipments, /quote, /shipments/{id}/cancel. name is "shipping" or "shipping-new". On its own it
// calls no webhook back: a World does.
func NewShipping(env Env, name string) http.Handler { return newShipping(env, name, shipmentWatch{}) }

func newShipping(env Env, name string, watch shipmentWatch) *service {
	const say = `{"order":"W-1","parcels":[...],"service":"standard","address":{"zip":"12345"},"webhook":"http://..."}`
	return newService(name, env,
		route{pattern: "POST /shipments", op: "book", say: say, do: func(c *call) outcome { return book(c, name, watch.booked) }},
		route{pattern: "POST /quote", op: "quote", say: quoteSay, pure: true, do: func(c *call) outcome {
			return quote(c, "parcelpost", "standard", 690, 50)
		}},
		route{pattern: "POST /shipments/{id}/cancel", op: "cancel", say: "an empty body or any JSON object", do: func(c *call) outcome {
			return cancel(c, watch.cancelled)
		}})
}

func book(c *call, name string, booked func(Effect)) outcome {
	var req bookRequest
	if out, ok := c.decode(&req); !ok {
		return out
	}
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
	out := done(http.StatusCreated, "book", ref, data, fields{"id": id, "tracking": strings.ToUpper(derive("TRK", c.seed)), "eta": eta, "price": money(cents)})
	if booked != nil {
		out.then = func() { booked(Effect{Service: name, Op: "book", Ref: ref, Data: out.data}) }
	}
	return out
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
		out := newProblem(http.StatusGatewayTimeout, "carrier_timeout", "another zip", "the carrier never answers for this zip").outcome()
		out.slow = true
		return out, false
	}
	return outcome{}, true
}

func cancel(c *call, cancelled func(string)) outcome {
	id := c.PathValue("id")
	var object map[string]json.RawMessage
	if len(c.body) > 0 && json.Unmarshal(c.body, &object) != nil {
		return newProblem(http.StatusBadRequest, "bad_request", c.say, "the body is not a JSON object").outcome()
	}
	out := done(http.StatusOK, "cancel", c.ref("", id), fields{"shipment": id}, fields{"id": id, "result": "cancelled"})
	if cancelled != nil {
		out.then = func() { cancelled(id) }
	}
	return out
}
