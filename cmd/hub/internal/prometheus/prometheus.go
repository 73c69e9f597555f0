// Package prometheus tells Prometheus the figures of the hub.
package prometheus

import (
	"net/http"

	client "github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"orderhub/hub/figures"
)

// Handler answers a scrape with the figures that gather gives for it, beside those of Go and of the process.
func Handler(gather func(r *http.Request) figures.Snapshot) http.Handler {
	of := map[*figures.Family]*client.Desc{}
	for _, f := range figures.Families() {
		of[f] = client.NewDesc(f.Name, f.Help, f.Labels, nil)
	}
	process, runtime := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewGoCollector()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := client.NewRegistry()
		all.MustRegister(process, runtime, &scrape{of, gather(r)})
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

// scrape gives one snapshot to Prometheus.
type scrape struct {
	of       map[*figures.Family]*client.Desc
	snapshot figures.Snapshot
}

var _ client.Collector = (*scrape)(nil)

// Describe tells all families, whichever has series now.
func (s *scrape) Describe(to chan<- *client.Desc) {
	for _, d := range s.of {
		to <- d
	}
}

// Collect gives the snapshot.
func (s *scrape) Collect(to chan<- client.Metric) {
	for i := range s.snapshot {
		p := &s.snapshot[i]
		switch f := p.Family; f.Kind {
		case figures.Histogram:
			to <- histogram(s.of[f], p)
		case figures.Counter:
			to <- client.MustNewConstMetric(s.of[f], client.CounterValue, p.Value(), p.Labels...)
		case figures.Gauge:
			to <- client.MustNewConstMetric(s.of[f], client.GaugeValue, p.Value(), p.Labels...)
		}
	}
}

// histogram is p with its buckets as Prometheus counts them: each has the smaller ones, too.
func histogram(d *client.Desc, p *figures.Sample) client.Metric {
	buckets, count := map[float64]uint64{}, uint64(0)
	for i, n := range p.Buckets {
		count += uint64(n)
		if i < len(p.Family.Bounds) {
			buckets[p.Family.InUnits(p.Family.Bounds[i])] = count
		}
	}
	return client.MustNewConstHistogram(d, count, p.Value(), buckets, p.Labels...)
}
