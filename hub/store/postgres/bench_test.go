package postgres

import (
	"context"
	"fmt"
	"orderhub/hub/store/storetest"
	"testing"
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
