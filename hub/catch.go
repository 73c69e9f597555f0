package hub

// Place is a step, as errors that come out of it know it.
type Place struct {
	Where, Line string
	React       func(*Error) (Reaction, bool) // the step's own `errors:` and `retry:`; nil: none
	Outer       *Place                        // the step that it stands in; nil: it stands in its pipeline
}

// caught is an error on its way out of the steps of one run: the plain error, and
// what the steps that it came through say of it. AsError gives the plain error, so
// that whoever hands one on, to a caller or into the store, hands on nothing of this.
type caught struct {
	err      *Error
	around   *Place // the step around those that it came through; nil: none
	called   bool   // it came out of a pipeline that is called: the step that calls is around it, whichever that is
	reacts   bool
	reaction Reaction
	msg      *Message // as the step that reacts had it; else as the step had it that failed
}

func (c *caught) Error() string { return c.err.Error() }

// Unwrap gives the plain error.
func (c *caught) Unwrap() error { return c.err }

// Catch marks err, which came out of the step at p that had message m. The first
// step to see an error is its place; the first step around it, inside out, whose
// reactions take the error's class gives the reaction. An error of the steps
// behind p passes through unchanged.
func Catch(err error, p *Place, m *Message) error {
	c := caught{err: At(err, p.Where, p.Line), msg: m}
	if had, ok := err.(*caught); ok {
		if had.around != p && !had.called {
			return err
		}
		c = *had
	}
	if !c.reacts && p.React != nil {
		if c.reaction, c.reacts = p.React(c.err); c.reacts {
			c.msg = m
		}
	}
	c.around, c.called = p.Outer, false
	return &c
}

// Called marks err, which came out of a pipeline that was called inside the
// caller's run: the steps of the caller react where the pipeline's own do not.
func Called(err error) error {
	if had, ok := err.(*caught); ok {
		c := *had
		c.called = true
		return &c
	}
	return err
}

// ReactionTo is what the steps that err came out of say becomes of the message; false: nothing.
func ReactionTo(err error) (Reaction, bool) {
	if c, ok := err.(*caught); ok {
		return c.reaction, c.reacts
	}
	return Reaction{}, false
}
