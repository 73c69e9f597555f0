package httpserver

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"strings"

	"orderhub/hub"
)

const minKey = 16 // bytes

// signingKeys reads the keys that signatures are made with. Whoever can guess
// one forges what it signs, so that an empty or short one is an error.
func signingKeys(secrets []hub.Secret, decode func(string) ([]byte, error)) (keys [][]byte, err error) {
	for i, s := range secrets {
		key, err := decode(s.Reveal())
		if err == nil && len(bytes.TrimSpace(key)) < minKey {
			err = fmt.Errorf("has %d bytes, and at least %d are needed, as openssl rand -hex 32 makes them", len(key), minKey)
		}
		if err != nil {
			return nil, fmt.Errorf("key %d of %d %w", i+1, len(secrets), err)
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// plainKey is a key as it is written.
func plainKey(text string) ([]byte, error) { return []byte(text), nil }

// webhookKey is a key in the form of Standard Webhooks.
func webhookKey(text string) ([]byte, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(text, "whsec_"))
	if err != nil {
		return nil, fmt.Errorf("is not base64 behind whsec_")
	}
	return key, nil
}
