package console

import (
	"net/http"
	"regexp"

	"orderhub/cmd/hub/internal/api"
)

// allow tells why whoever asks may not have what is at the path of the request; nil: they may. What it does there is the admin API's to allow:
// this refuses before anything is asked.
func (c *Console) allow(r *http.Request) error { return c.allows(r, r.URL.Path) }

func (c *Console) allows(r *http.Request, path string) error {
	call, needed := c.needs[path]
	if !needed {
		return nil
	}
	return call.Allow(api.WhoOf(r.Context()), "", nil)
}

// barred are the paths of what whoever asks may not have.
func (c *Console) barred(r *http.Request) map[string]bool {
	out := map[string]bool{}
	for path := range c.needs {
		if c.allows(r, path) != nil {
			out[path] = true
		}
	}
	return out
}

var link = regexp.MustCompile(`(?s)<a [^>]*?href="(/[a-z-]*)[?"].*?</a>`)

// without is a page without the links to what whoever looks may not have: it is one place for all templates, none of which can forget it.
func (f *frame) without(page []byte) []byte {
	if len(f.barred) == 0 {
		return page
	}
	return link.ReplaceAllFunc(page, func(a []byte) []byte {
		if f.barred[string(link.FindSubmatch(a)[1])] {
			return nil
		}
		return a
	})
}
