package postgres

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"testing"

	"orderhub/hub/store/storetest"
)

// BenchmarkPostgres is one message per op: put in a unit of its own, claim,
// consume in another. us-cpu/msg is of this process alone, not of PostgreSQL.
func BenchmarkPostgres(b *testing.B) {
	for _, writers := range storetest.Writers {
		b.Run(fmt.Sprintf("writers=%d", writers), func(b *testing.B) { benchPostgres(b, writers) })
	}
}

func benchPostgres(b *testing.B, writers int) {
	s, err := Open(context.Background(), storetest.PostgresSchema(b), Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	storetest.BenchCommit(b, s, writers)
}

// BenchmarkSweep: run it with -benchtime 1x. $HUB_SWEEP_ROWS is how many rows of history there are.
func BenchmarkSweep(b *testing.B) {
	s := openPg(b, storetest.PostgresSchema(b), Options{})
	defer s.Close()
	rows, _ := strconv.Atoi(os.Getenv("HUB_SWEEP_ROWS"))
	storetest.BenchSweep(b, s, max(rows, 40_000))
}
