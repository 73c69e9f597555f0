package pipelines

import (
	"time"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// ttl is a time to live (EIP Message Expiration); 0: for ever.
type ttl time.Duration

func (t ttl) from(x *hub.Exchange) time.Time {
	if t == 0 {
		return time.Time{}
	}
	return x.Now().Add(time.Duration(t))
}

// fieldsOf lists the yaml names of a config struct, and the required ones.
func fieldsOf(cfg any) (all, required []string) {
	return yamlfile.Fields(cfg)
}
