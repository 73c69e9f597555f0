package main

import (
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A key stands once in a log line: a call names each once, and adapters leave out the one that their log has already.
func TestFault_B10_LogKeysOnce(t *testing.T) {
	lines := 0
	for dir, files := range sources(t) {
		for _, f := range files {
			ast.Inspect(f, func(n ast.Node) bool {
				keys := logKeys(n)
				lines += min(1, len(keys))
				for i, k := range keys {
					if slices.Contains(keys[:i], k) {
						t.Errorf("%s: a log line names %q twice", dir, k)
					}
					if k == "adapter" && strings.Contains(dir, "adapters/") {
						t.Errorf("%s: a log line names its adapter, which the log of its environment does", dir)
					}
				}
				return true
			})
		}
	}
	if lines < 30 {
		t.Errorf("%d log lines were found", lines)
	}
}

// logKeys are the keys of a call that logs.
func logKeys(n ast.Node) (keys []string) {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return nil
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || !slices.Contains([]string{"Debug", "Info", "Warn", "Error"}, sel.Sel.Name) {
		return nil
	}
	for i := 1; i < len(call.Args); i += 2 {
		if lit, ok := call.Args[i].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			key, _ := strconv.Unquote(lit.Value)
			keys = append(keys, key)
		}
	}
	return keys
}
