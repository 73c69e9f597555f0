package zz

import (
	"fmt"
	"os"
	"testing"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
)

func TestZZ(t *testing.T) {
	l := yamlfile.NewLoader()
	l.Missing = func(n *yamlfile.Node, ref string) (string, bool) { return "http://127.0.0.1:1", true }
	_, p := pipelines.Load(os.Getenv("CFG"), registry(), l)
	p.WriteText(os.Stdout, true, false)
	fmt.Println(p.Errors(), p.Warnings())
}
