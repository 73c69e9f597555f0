package process

// check finds what is wrong with the whole of a definition.
func check(*Definition) {}
