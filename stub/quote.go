package stub

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
)

const quoteSay = `a JSON object with a weight (kg), parcels or items: {"weight":2.5}`

// quote prices a body: base for the first kilogram, parcel or item, more for each further one. Nothing is remembered.
func quote(c *call, carrier, service string, base, more int) outcome {
	var req struct {
		Weight  *float64        `json:"weight"`
		Parcels json.RawMessage `json:"parcels"`
		Items   json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(c.body, &req); err != nil {
		return newProblem(http.StatusBadRequest, "bad_request", c.say, "%v", err).outcome()
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
