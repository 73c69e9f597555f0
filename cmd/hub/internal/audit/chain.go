// Package audit keeps the log of what people do: one record for each act, in a chain in which
// each record has the hash of the one before it. So a record that was changed, removed or
// moved is found, also in an export, and without a hub.
package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// Record is one act.
type Record struct {
	N       int64     `json:"n"` // its place, from 1 on
	Time    time.Time `json:"time"`
	Who     string    `json:"who"`
	Act     string    `json:"act"`
	On      string    `json:"on,omitempty"` // what was acted on
	Why     string    `json:"why,omitempty"`
	Asked   string    `json:"asked,omitempty"` // the request, masked, its beginning
	Count   int       `json:"count"`           // how many things it changed or showed
	Outcome string    `json:"outcome"`
	Prev    string    `json:"prev"` // hash of the record before, "" of the first
}

// Expired is the act of the hub that removes records whose time is over. On is the place of the last of them.
const Expired = "expire"

const (
	hashField = `,"hash":"`
	hashSize  = 2 * sha256.Size
)

// seal gives the record as a line, and its hash: the SHA-256, in hexadecimal digits, of the line without `,"hash":"…"`.
func (r *Record) seal() (line []byte, hash string, err error) {
	text, err := json.Marshal(r)
	if err != nil {
		return nil, "", err
	}
	hash = hashOf(text)
	return fmt.Appendf(text[:len(text)-1], `%s%s"}`, hashField, hash), hash, nil
}

func hashOf(text []byte) string {
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])
}

// Parse reads a line without checking its hash, which it gives with the text that it is the hash of.
func Parse(line []byte) (r Record, text []byte, hash string, err error) {
	at := len(line) - len(hashField) - hashSize - len(`"}`)
	if at < 1 || !bytes.HasPrefix(line[at:], []byte(hashField)) {
		return r, nil, "", fmt.Errorf("it does not end with a hash")
	}
	hash = string(line[at+len(hashField) : at+len(hashField)+hashSize])
	text = append(bytes.Clone(line[:at]), '}')
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	return r, text, hash, dec.Decode(&r)
}

// Place is a record's number and hash, as N:HASH. Who keeps one elsewhere can tell later that the log up to there is the same.
type Place struct {
	N    int64
	Hash string
}

func (p Place) String() string { return strconv.FormatInt(p.N, 10) + ":" + p.Hash }

// ParsePlace reads N:HASH.
func ParsePlace(text string) (Place, error) {
	n, hash, _ := strings.Cut(text, ":")
	p := Place{Hash: hash}
	var err error
	if p.N, err = strconv.ParseInt(n, 10, 64); err != nil || p.N < 1 || len(hash) != hashSize {
		return Place{}, fmt.Errorf("%q is no place in the log: write N:HASH, as hub audit verify prints the head", text)
	}
	return p, nil
}

// Chain checks the lines of a log from its beginning. The zero Chain is ready for use.
type Chain struct {
	Count       int
	First, Last Record
	Head        Place // of Last
	Known       Place // one that was kept elsewhere; zero: none
	before      Place // what stood in front of First; zero: nothing did
}

// Add checks the next line. An error names the first record that is not as it was written.
func (c *Chain) Add(line []byte) error {
	r, text, hash, err := Parse(line)
	switch next := c.Head.N + 1; {
	case err != nil:
		return fmt.Errorf("the record behind %d can't be read: %w", c.Head.N, err)
	case hashOf(text) != hash:
		return fmt.Errorf("record %d was changed: its hash is not that of its text", r.N)
	case c.Count == 0 && r.N > 1:
		c.before = Place{r.N - 1, r.Prev}
	case r.N < next:
		return fmt.Errorf("record %d stands behind record %d: they were moved, or one was copied", r.N, c.Head.N)
	case r.N > next:
		return fmt.Errorf("%s removed: record %d comes next", numbers(next, r.N-1), r.N)
	case r.Prev != c.Head.Hash:
		return fmt.Errorf("record %d was written behind another record than the %d that is here", r.N, c.Head.N)
	}
	if c.Count++; c.Count == 1 {
		c.First = r
	}
	if c.Last, c.Head = r, (Place{r.N, hash}); r.N == c.Known.N && hash != c.Known.Hash {
		return fmt.Errorf("record %d is not the one whose hash was kept: the log was written anew", r.N)
	}
	if r.Act == Expired && r.On == c.before.String() {
		c.before = Place{}
	}
	return nil
}

// End checks that nothing is missing at the ends. last is the number of the last record that was written; 0: not known.
func (c *Chain) End(last int64) error {
	last = max(last, c.Known.N)
	switch {
	case c.before.N > 0:
		return fmt.Errorf("%s removed at the beginning, and no later record says that their time was over", numbers(1, c.before.N))
	case c.Head.N < last:
		return fmt.Errorf("%s removed at the end", numbers(c.Head.N+1, last))
	}
	return nil
}

func numbers(from, to int64) string {
	if from == to {
		return fmt.Sprintf("record %d was", from)
	}
	return fmt.Sprintf("records %d to %d were", from, to)
}

// Read adds the lines of an export, and ends the chain. Its errors begin with the line.
func (c *Chain) Read(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	n := 0
	for lines.Scan() {
		n++
		if err := c.Add(lines.Bytes()); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if err := c.End(0); err != nil {
		return fmt.Errorf("behind line %d: %w", n, err)
	}
	return nil
}
