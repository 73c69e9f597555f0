package scenario_test

import (
	"testing"

	"orderhub/pipelines/scenario"
)

const parcels = `
adapters:
  web: {type: http-server}
  catalog: {type: http-client, ops: {product: GET /products}}
  fast: {type: http-client, ops: {quote: POST /quote}}
  slow: {type: http-client, ops: {quote: POST /quote}}
  rabbit: {type: amqp}
channels:
  stock: {type: direct, via: rabbit}
  packed: {type: direct}
pipelines:
  orders:
    from: {web: POST /orders}
    steps:
      - reply: 202
      - split:
          each: body.items
          parallel: 4
          steps:
            - {enrich: {call: catalog.product, with: {sku: =body.sku}, into: body.product, cache: 1h}}
            - {call: stock, with: {sku: =body.sku}, as: place}
            - {set: {body.place: =place.shelf}}
        aggregate: {give: {items: =bodies}}
      - scatter_gather: {to: [fast.quote, slow.quote], wait: 3s, need: 1, give: "=first(sortBy(replies, .price))"}
      - {send: packed}
  desk:
    from: stock
    steps: [{reply: {body: {shelf: ="shelf of " + body.sku}}}]
tests:
  parts side by side:
    chaos: [crash, duplicate, reorder]
    mock: {catalog.product: {name: =body.sku}, fast.quote: {price: 9}, slow.quote: {price: 7}}
    do:
      - post: orders
        body: {items: [{sku: a}, {sku: b}, {sku: c}]}
        expect: {packed: {price: 7}, calls: {catalog.product: 3, fast.quote: 1, slow.quote: 1}}
  and once more:
    mock: {catalog.product: {name: =body.sku}, fast.quote: {fail: unavailable}, slow.quote: {price: 7}, stock: {shelf: none}}
    do:
      - {post: orders, body: {items: [{sku: a}]}, expect: {packed: 1, calls: {catalog.product: 1}}}
      - {post: orders, body: {items: [{sku: a}]}, expect: {packed: 2, calls: {catalog.product: 1, stock: 2}}}
`

// Parts that run side by side are tested too, and what steps remember belongs to one run.
func TestSideBySide(t *testing.T) {
	path := write(t, parcels)
	b := open(t, path)
	for name, r := range b.run(t, scenario.Options{}) {
		for _, f := range r.Failures {
			t.Errorf("%s\n%s", name, f)
		}
	}
}
