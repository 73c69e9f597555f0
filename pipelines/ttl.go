package pipelines

import (
	"time"

	"orderhub/hub"
	"orderhub/pipelines/yamlfile"
)

// ttl is the time to live (EIP Message Expiration) that a step gives to what it
// sends; 0: the step says nothing of it, and the message's own goes along.
type ttl time.Duration

// forever is the time to live of `expires: never`.
const forever ttl = -1

// readTTL reads `expires: 2d`.
func readTTL(n *yamlfile.Node) ttl {
	if n.Str() == "never" {
		return forever
	}
	d, _ := n.Duration() // its problem is told
	return ttl(d)
}

func (t ttl) from(x *hub.Exchange) time.Time {
	switch {
	case t == forever:
		return time.Time{}
	case t == 0:
		return x.Msg.Expires
	}
	return x.Now().Add(time.Duration(t))
}

// fieldsOf lists the yaml names of a config struct, and the required ones.
func fieldsOf(cfg any) (all, required []string) {
	return yamlfile.Fields(cfg)
}
