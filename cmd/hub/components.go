package main

import (
	"orderhub/adapters/amqp"
	"orderhub/adapters/files"
	"orderhub/adapters/httpclient"
	"orderhub/adapters/httpserver"
	"orderhub/adapters/kafka"
	"orderhub/adapters/smtp"
	"orderhub/adapters/sql"
	"orderhub/adapters/stomp"
	"orderhub/hub"
	"orderhub/hub/mask"
	"orderhub/pipelines"
	"orderhub/pipelines/aggregate"
	"orderhub/pipelines/alert"
	"orderhub/pipelines/call"
	"orderhub/pipelines/clock"
	"orderhub/pipelines/contentfilter"
	"orderhub/pipelines/count"
	"orderhub/pipelines/delay"
	"orderhub/pipelines/enrich"
	"orderhub/pipelines/fail"
	"orderhub/pipelines/filter"
	"orderhub/pipelines/idempotent"
	"orderhub/pipelines/process"
	"orderhub/pipelines/recipientlist"
	"orderhub/pipelines/reply"
	"orderhub/pipelines/resequence"
	"orderhub/pipelines/route"
	"orderhub/pipelines/routingslip"
	"orderhub/pipelines/scattergather"
	"orderhub/pipelines/scenario"
	"orderhub/pipelines/send"
	"orderhub/pipelines/set"
	"orderhub/pipelines/split"
	"orderhub/pipelines/table"
	"orderhub/pipelines/translate"
	"orderhub/pipelines/validate"
	"orderhub/pipelines/wiretap"
	"orderhub/transforms/binary"
	"orderhub/transforms/csv"
	"orderhub/transforms/fixed"
	"orderhub/transforms/form"
	"orderhub/transforms/json"
	"orderhub/transforms/multipart"
	"orderhub/transforms/ndjson"
	"orderhub/transforms/text"
	"orderhub/transforms/xml"
)

// registry is the one list of what a configuration may name. mask learns what the configuration holds in confidence.
func registry(mask *mask.Masker) *pipelines.Registry {
	return &pipelines.Registry{
		Mask: mask,
		Components: []hub.Component{
			amqp.Component(),
			files.Component(),
			httpclient.Component(),
			httpserver.Component(),
			kafka.Component(),
			smtp.Component(),
			sql.Component(),
			stomp.Component(),
		},
		Formats: []hub.FormatKind{
			json.Format(), ndjson.Format(), text.Format(), binary.Format(), form.Format(), multipart.Format(), xml.Format(), csv.Format(), fixed.Format(),
		},
		Patterns: append(process.Patterns(),
			translate.Pattern(), set.Pattern(), filter.Pattern(), validate.Pattern(), route.Pattern(),
			split.Pattern(), aggregate.Pattern(), enrich.Pattern(), contentfilter.Pattern(), idempotent.Pattern(),
			wiretap.Pattern(), scattergather.Pattern(), recipientlist.Pattern(), routingslip.Pattern(), resequence.Pattern(), send.Pattern(), call.Pattern(), reply.Pattern(),
			fail.Pattern(), count.Pattern(), table.Pattern(), delay.Pattern(),
		),
		Feeds:    []pipelines.Feed{clock.Feed()},
		Sections: []pipelines.Section{process.Section(), alert.Section(), scenario.Section()},
		Funcs:    table.Funcs(),
		Entry:    idempotent.HeaderKey,
		Foreign:  foreign(),
		Later:    later(),
	}
}

// openWith makes every adapter be opened with an Env that change has changed.
func openWith(reg *pipelines.Registry, change func(*hub.Env)) {
	for i, c := range reg.Components {
		reg.Components[i].Open = func(cfg any, env *hub.Env) (*hub.Adapter, error) {
			e := *env
			change(&e)
			return c.Open(cfg, &e)
		}
	}
}

// foreign are words of other tools, and ours for them.
func foreign() map[string]string {
	return map[string]string{
		"choice": "route", "switch": "route", "branch": "route", "case": "route", "if": "when: beside the step, or route",
		"multicast": "several send steps, or scatter_gather to wait for the answers", "fan_out": "several send steps",
		"parallel": "split with parallel, or scatter_gather", "mapping": "translate", "transform": "translate", "map": "translate", "bloblang": "translate",
		"set_body": "translate", "set_header": "headers: beside a send", "set_property": "set", "variable": "set",
		"dedupe": "idempotent", "deduplicate": "idempotent", "idempotent_consumer": "idempotent",
		"log": "nothing: every step is in `hub trace`; or wire_tap", "print": "nothing: every step is in `hub trace`",
		"to": "send", "publish": "send", "output": "send", "emit": "send", "produce": "send",
		"request": "call", "invoke": "call", "http": "call with an adapter of type http-client",
		"respond": "reply", "response": "reply", "return": "reply", "sync_response": "reply",
		"throw": "fail", "error": "fail", "raise": "fail", "stop": "filter",
		"for_each": "split", "foreach": "split", "loop": "split", "each": "split", "unarchive": "split",
		"group": "aggregate", "batch": "aggregate", "group_by": "aggregate", "archive": "aggregate",
		"tap": "wire_tap", "wiretap": "wire_tap", "tee": "wire_tap",
		"poll_enrich": "enrich", "lookup": "enrich", "select": "content_filter", "pick": "content_filter",
		"json_schema": "schema: at the channel or the source, or validate", "check": "validate", "assert": "validate",
		"cache": "table, or enrich with cache:", "counter": "count", "metric": "count",
		"saga": "a process with compensate:", "on_exception": "errors:", "try": "errors: beside the step", "catch": "errors: beside the step",
	}
}

// later are words of the language that this version has no code for.
func later() map[string]bool {
	return map[string]bool{"claim_check": true}
}
