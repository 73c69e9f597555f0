package aggregate

import (
	"slices"
	"time"

	"orderhub/hub"
	"orderhub/pipelines"
	"orderhub/pipelines/yamlfile"
	"orderhub/transforms/shape"
)

type options struct {
	By      *yamlfile.Node `yaml:"by" required:"true" doc:"formula: the group's key (Correlation Identifier)"`
	Until   *yamlfile.Node `yaml:"until" doc:"condition: the group is complete; sees body (the newest), size and bodies"`
	Idle    time.Duration  `yaml:"idle" min:"1ms" max:"365d" doc:"the group goes on as it is when no member came for so long"`
	Timeout time.Duration  `yaml:"timeout" min:"1ms" max:"365d" doc:"the group goes on as it is so long after its first member"`
	Late    *yamlfile.Node `yaml:"late" doc:"where members go that come after the group went on"`
	Give    *yamlfile.Node `yaml:"give" doc:"the body that goes on; sees bodies, size and complete"`
}

func compile(b *pipelines.Build) hub.Step {
	var o options
	b.Node.Decode(&o, "aggregate")
	if o.By == nil {
		return nil
	}
	if o.Until == nil && o.Idle == 0 && o.Timeout == 0 {
		b.Node.Errorf("E272", "add until: size == 10, idle: 10m or timeout: 1h", "nothing ever completes these groups")
		return nil
	}
	a := &aggregator{site: b.Site, idle: o.Idle, timeout: o.Timeout}
	a.by = b.Scalar(o.By, "a key is a text or a number", "body.order_id")
	if o.Until != nil {
		scope, slot := b.Flow.Scope.WithLocal("size", shape.NumberType)
		a.size = slot
		scope, a.bodies = scope.WithLocal("bodies", shape.ArrayOf(b.Flow.Body()))
		if a.until = b.Condition(o.Until, scope); a.until == nil {
			a.by = nil
		} else {
			a.untilBodies = slices.Contains(a.until.Reads().Names(), "bodies")
		}
	}
	if o.Late != nil {
		if a.late = b.Sender(o.Late); a.late == nil {
			a.by = nil
		}
	}
	if o.Idle > 0 || o.Timeout > 0 {
		a.timer = b.Timer("group", hub.StepFunc(a.fired))
	}
	if a.give = compileGive(b, o.Give); a.give == nil || a.by == nil {
		return nil
	}
	return a
}
