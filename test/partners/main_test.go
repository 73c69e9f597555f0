// Package partners connects the hub with the partners of the pages in
// docs/partners/, by the YAML that stands there and by nothing else. Each
// partner is a stub that takes no request but those that the real one documents.
package partners

import (
	"testing"

	"orderhub/hub/hubtest"
)

func TestMain(m *testing.M) { hubtest.Main(m) }
