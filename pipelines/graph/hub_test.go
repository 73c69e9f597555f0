package graph

import "fmt"

// smallHub is the way in of the order hub: 12 nodes.
func smallHub() *Graph {
	g := &Graph{Title: "order-hub: the way in"}
	add(g, Source, "POST /orders", "http-server :8080", "in/phone/*.csv", "files", "sales.orders", "rabbit queue")
	add(g, Pipeline, "web-orders", "", "phone-orders", "", "sales-orders", "", "order-intake", "validate, enrich, tap")
	add(g, Channel, "orders", "in order by order_id", "audit", "keep 7y", "partner.feed", "headers")
	add(g, Process, "order", "version 3")
	add(g, Dead, "orders.invalid", "")
	edges(g, "POST /orders>web-orders", "in/phone/*.csv>phone-orders", "sales.orders>sales-orders",
		"web-orders>orders", "phone-orders>orders", "sales-orders>orders", "phone-orders>orders.invalid:late:dashed", "orders>order-intake",
		"order-intake>order:start", "order-intake>partner.feed", "order-intake>audit:wire tap:dashed", "order-intake>orders.invalid:invalid:dashed")
	node(g, "orders").Badge = "7 waiting"
	node(g, "sales-orders").State = "paused"
	node(g, "orders.invalid").Badge = "3 dead"
	return g
}

// fullHub is the whole of order-hub.yaml: 45 nodes, with the cycles it has.
func fullHub() *Graph {
	g := smallHub()
	g.Title = "order-hub"
	add(g, Source, "POST /orders/{id}/card", "http-server :8080", "POST /hooks/shipping", "http-server :8080", "GET /orders/{id}", "http-server :8080")
	add(g, Pipeline, "fulfil-items", "composed message processor", "replenish-or-ship", "", "best-carrier", "", "product-changes", "", "card-update", "",
		"shipping-webhook", "resequence by shipment", "order-status", "", "tracking", "", "customer-mail", "", "partner-eu", "")
	add(g, Channel, "order.events", "topic", "stock.commands", "topic via rabbit", "stock.events", "topic via rabbit", "product.changes", "topic via kafka", "ops.notices", "fanout")
	add(g, Target, "billing", "http-client", "shipping", "http-client", "shipping-new", "http-client", "courier", "http-client", "catalog", "http-client", "mail", "smtp", "partners.eu", "recipient list", "inventory", "rabbit")
	add(g, "split", "split items", "parallel 8")
	add(g, "route", "in stock?", "")
	add(g, "routing_slip", "extras", "gift-wrap, engrave, insure")
	add(g, "table", "products", "table")
	add(g, "count", "order_events", "metric")
	add(g, "task", "order-desk", "human task")
	add(g, "reply", "order page", "json or html")
	edges(g, "order-intake>catalog:enrich", "order>order.events", "order>order-desk:review", "order>billing:charge", "order>mail:card expired",
		"order>fulfil-items:call", "order>best-carrier:call", "order>shipping:book", "order>shipping-new:shadow 10%:dashed", "order>ops.notices:late:dashed",
		"order>stock.commands:release:dashed", "order-desk>ops.notices:late:dashed", "POST /orders/{id}/card>card-update", "card-update>order:card_updated",
		"POST /hooks/shipping>shipping-webhook", "shipping-webhook>order:picked_up", "GET /orders/{id}>order-status", "order-status>order page",
		"fulfil-items>split items", "split items>in stock?", "in stock?>stock.commands:reserve", "fulfil-items>extras", "best-carrier>shipping:quote",
		"best-carrier>courier:quote", "stock.commands>inventory", "inventory>stock.events", "stock.events>replenish-or-ship:requested",
		"replenish-or-ship>stock.commands:ship", "product.changes>product-changes", "product-changes>catalog:product", "product-changes>products:put",
		"order.events>tracking:#", "tracking>order_events", "order.events>customer-mail:order.*", "customer-mail>mail:order-status",
		"partner.feed>partner-eu:region eu", "partner-eu>partners.eu", "in stock?>order:out_of_stock:dashed")
	node(g, "shipping").State, node(g, "shipping").Badge = "failing", "circuit open"
	return g
}

// add adds nodes of one kind from pairs of name and detail; every second one gets a link.
func add(g *Graph, k Kind, pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		g.Nodes = append(g.Nodes, Node{ID: pairs[i], Label: pairs[i], Detail: pairs[i+1], Kind: k, Link: fmt.Sprintf("config/pipelines.yaml:%d", 40+len(g.Nodes)*3)})
	}
}

// edges adds edges written from>to, from>to:label or from>to:label:dashed.
func edges(g *Graph, specs ...string) {
	for _, s := range specs {
		g.Edges = append(g.Edges, parseEdge(s))
	}
}

func node(g *Graph, id string) *Node {
	for i := range g.Nodes {
		if g.Nodes[i].ID == id {
			return &g.Nodes[i]
		}
	}
	panic("no node " + id)
}
