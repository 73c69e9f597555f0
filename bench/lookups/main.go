// Command lookups measures what a running hub answers on its control socket: the first answer, and p50 and p95 of those behind it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"slices"
	"time"
)

func main() {
	socket := flag.String("socket", "hub.sock", "control socket of the hub")
	n := flag.Int("n", 100, "requests of each path, the first apart")
	flag.Parse() // the rest are paths; one with %d is asked with another number each time
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", *socket)
	}}}
	for _, path := range flag.Args() {
		var took []time.Duration
		status, size := "", 0
		for i := range *n + 1 {
			url := "http://hub" + path
			if at := slices.Index([]byte(path), '%'); at >= 0 {
				url = fmt.Sprintf("http://hub"+path, 1000+i*37)
			}
			began := time.Now()
			answer, err := client.Get(url)
			if err != nil {
				log.Fatal(err)
			}
			body, err := io.ReadAll(answer.Body)
			if err != nil {
				log.Fatal(err)
			}
			answer.Body.Close()
			took = append(took, time.Since(began))
			status, size = answer.Status, len(body)
		}
		first, rest := took[0], took[1:]
		slices.Sort(rest)
		ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
		fmt.Printf("| `%s` | %s, %d bytes | %.1f | %.1f | %.1f |\n", path, status, size, ms(first), ms(rest[len(rest)/2]), ms(rest[len(rest)*95/100]))
	}
}
