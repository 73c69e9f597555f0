package formula

import (
	"testing"

	"orderhub/hub"
	"orderhub/hub/doc"
)

// A frame that was lent before knows nothing of the message before.
func TestFramesKeepNothing(t *testing.T) {
	var frames Frames
	scope, slot := openScope().WithLocal("it", nil)
	sum := must(t, `sum(body.items, .price)`, openScope())
	bad := must(t, `body.total * body.order_id`, openScope())
	for range 3 {
		fr := frames.Get(frameOf(t, order).X)
		if v := fr.local(slot); v.Kind() != doc.Missing {
			t.Errorf("a local is there: %s", v)
		}
		fr.Local(slot, doc.IntValue(7))
		fr.Limits = Limits{Steps: 1000}
		if _, err := sum.Eval(fr); err != nil {
			t.Error(err)
		}
		if v, err := must(t, `it`, scope).Eval(fr); err != nil || v.Num().Cmp(doc.Int(7)) != 0 {
			t.Errorf("it is %s, %v", v, err)
		}
		bad.Eval(fr)
		frames.Put(fr)
		if fr.X != nil || fr.Limits != (Limits{}) || fr.decoded || fr.body.Kind() != doc.Missing || fr.local(slot).Kind() != doc.Missing {
			t.Errorf("it kept something: %+v", fr)
		}
		for _, v := range fr.slots {
			if v.Kind() != doc.Missing {
				t.Errorf("a slot kept %s", v)
			}
		}
		next := frames.Get(&hub.Exchange{Msg: &hub.Message{}})
		if v, err := must(t, `body`, openScope()).Eval(next); err != nil || v.Kind() != doc.Missing {
			t.Errorf("the body of a message without one is %s, %v", v, err)
		}
		frames.Put(next)
	}
}
