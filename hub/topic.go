package hub

import "strings"

// TopicMatch is AMQP 0-9-1's meaning of a topic pattern (section 3.1.3.3): * is one word, # is none or more, between
// dots. The empty pattern and the empty key have no words.
func TopicMatch(pattern, key string) bool {
	return wordsMatch(pattern, pattern != "", key, key != "")
}

// wordsMatch compares what is left of a pattern and a key; false beside one of them: no word is left.
func wordsMatch(pattern string, more bool, key string, has bool) bool {
	for more {
		var want, word string
		want, pattern, more = strings.Cut(pattern, ".")
		if want == "#" {
			for !wordsMatch(pattern, more, key, has) {
				if !has {
					return false
				}
				_, key, has = strings.Cut(key, ".")
			}
			return true
		}
		if !has {
			return false
		}
		if word, key, has = strings.Cut(key, "."); want != "*" && want != word {
			return false
		}
	}
	return !has
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
