// Command hub runs pipelines of Enterprise Integration Patterns. README.md
// beside this file lists the verbs and the admin API behind them.
package main

import (
	"context"
	"os"
)

func main() {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
