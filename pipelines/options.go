package pipelines

// Options are what the options beside the adapter's name in `from:` say (see
// hub.Component.Source); nil for a channel or a call. They are read-only.
func (f *From) Options() any { return f.cfg }
