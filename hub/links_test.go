package hub

import (
	"maps"
	"testing"
)

func TestLinks(t *testing.T) {
	for header, want := range map[string]map[string]string{
		"": {},
		`<https://api.example/orders?page=2>; rel="next", <https://api.example/orders?page=9>; rel="last"`: {"next": "https://api.example/orders?page=2", "last": "https://api.example/orders?page=9"},
		`</orders?a=1,2>;rel=next`:                   {"next": "/orders?a=1,2"},
		`</a>; title="a, <b>; rel=next"; rel="prev"`: {"prev": "/a"},
		`</a>; rel="NEXT last", </b>; rel=next`:      {"next": "/a", "last": "/a"},
		`</a>; rel="next`:                            {},
		`</a`:                                        {},
		`none`:                                       {},
		`</a>; title=x y; rel=prev, </b>; rel=next`:              {"next": "/b"},
		`</c>; rel=next; title*=UTF-8''n%C3%A4chste, </d>;rel=x`: {"next": "/c", "x": "/d"},
	} {
		if got := Links(header); !maps.Equal(got, want) {
			t.Errorf("%s: %v, want %v", header, got, want)
		}
	}
}
