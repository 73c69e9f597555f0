package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"orderhub/hub"
	"orderhub/hub/engine"
	"orderhub/hub/store"
	"orderhub/hub/store/drivers"
)

const (
	templates = 200 // orders that the history is made like
	together  = 16  // orders of one commit
)

// history writes rows as the orders in the store like left them, each with IDs, numbers, times and values of its own. Order i is
// found by its number G-i, by its customer's mail address and by two SKUs, as with the index of the shipped configuration.
func history(ctx context.Context, s store.Store, like string, rows int, span time.Duration, clock *at) error {
	from, err := drivers.Open(ctx, like, store.Options{})
	if err != nil {
		return err
	}
	orders, err := ordersIn(ctx, from)
	if err == nil {
		err = from.Close()
	}
	if err != nil {
		return err
	}
	key := []byte("the key of the index of a benchmark")
	if err := s.Commit(ctx, &hub.Unit{Writes: []hub.Write{{Kind: "hub.index", Key: "key", Value: key}}}); err != nil {
		return err
	}
	index, end := engine.NewIndex(key, nil), clock.now
	all := 0
	for _, o := range orders {
		all += len(o)
	}
	total := rows*len(orders)/all + 1
	for i, written := 0, 0; written < rows; {
		u := &hub.Unit{}
		for range together {
			began := end.Add(-span + span*time.Duration(i)/time.Duration(total))
			clock.now = began
			u.Past = append(u.Past, copied(orders[i%len(orders)], i, began, index)...)
			i++
		}
		written += len(u.Past)
		if err := s.Commit(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// ordersIn are the rows of each of some orders.
func ordersIn(ctx context.Context, s store.Store) (orders [][]store.HistoryRow, err error) {
	numbers := map[string]bool{}
	for before := int64(0); len(numbers) < templates; {
		page, err := s.Find(ctx, store.FindQuery{Before: before, Limit: 500})
		if err != nil || len(page) == 0 {
			break
		}
		for _, r := range page {
			before = r.Seq
			if strings.HasPrefix(r.Correlation, "W-") && !numbers[r.Correlation] {
				numbers[r.Correlation] = true
				rows, err := s.History(ctx, r.Correlation)
				if err != nil {
					return nil, err
				}
				orders = append(orders, rows)
			}
		}
	}
	if len(orders) == 0 {
		return nil, fmt.Errorf("there is no order whose number begins with W-: %w", err)
	}
	return orders, nil
}

// copied are the rows of an order as those of order i, which came in at a time.
func copied(rows []store.HistoryRow, i int, began time.Time, index *engine.Index) (units []*hub.Unit) {
	number := fmt.Sprint("G-", i)
	names := []string{rows[0].Correlation, number}
	seen := map[string]bool{}
	for _, r := range rows {
		if !strings.Contains(r.Root, r.Correlation) && !seen[r.Root] {
			seen[r.Root] = true
			names = append(names, r.Root, hub.NewID(began))
		}
	}
	named := strings.NewReplacer(names...)
	later := began.Sub(rows[0].Events[0].Time)
	for n, r := range rows {
		u := &hub.Unit{Root: named.Replace(r.Root), Correlation: named.Replace(r.Correlation), Span: r.Span}
		if r.Span.Trace == hub.TraceOf(r.Root) {
			u.Span.Trace = hub.TraceOf(u.Root)
		} else {
			u.Span.Trace = hub.TraceOf(number)
		}
		for _, e := range r.Events {
			e.Time, e.Message, e.Detail = e.Time.Add(later), named.Replace(e.Message), named.Replace(e.Detail)
			links := e.Links
			e.Links = nil
			for _, l := range links {
				e.Links = append(e.Links, named.Replace(l))
			}
			u.History = append(u.History, e)
		}
		if n == 0 {
			u.Terms = []int64{index.Term("customer.email", fmt.Sprintf("c%d@example.com", i/3)), index.Term("customer.id", fmt.Sprint("C-", i/3)),
				index.Term("items.sku", fmt.Sprint("SKU-", i%5000)), index.Term("items.sku", fmt.Sprint("SKU-", (i*7+1)%5000))}
		}
		units = append(units, u)
	}
	return units
}
