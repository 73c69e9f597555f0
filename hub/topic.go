package hub

// TopicMatch is AMQP 0-9-1's meaning of a topic pattern (section 3.1.3.3), both
// given as words: * is one word, # is none or more.
func TopicMatch(pattern, key []string) bool {
	for len(pattern) > 0 {
		if pattern[0] == "#" {
			if len(pattern) == 1 {
				return true
			}
			for i := range len(key) + 1 {
				if TopicMatch(pattern[1:], key[i:]) {
					return true
				}
			}
			return false
		}
		if len(key) == 0 || pattern[0] != "*" && pattern[0] != key[0] {
			return false
		}
		pattern, key = pattern[1:], key[1:]
	}
	return len(key) == 0
}

// Match tells whether h has every header of want with its value: a headers exchange with x-match=all.
func (h Headers) Match(want map[string]string) bool {
	for name, value := range want {
		if h[name] != value {
			return false
		}
	}
	return true
}
