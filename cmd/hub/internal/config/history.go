package config

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"orderhub/cmd/hub/internal/api"
	"orderhub/hub"
	"orderhub/hub/store"
	"orderhub/pipelines/yamlfile"
)

const (
	keptKind = "configuration" // of the records of configurations, by their revisions
	keptMost = 20              // configurations of a store: of more those go that ran last the longest ago
)

// Kept is a configuration that ran, or that one which ran took the place of.
type Kept struct {
	api.ConfigRun
	Files []yamlfile.Source `json:"files"` // none: see Withheld
}

// Keep notes in the store that the configuration begins at a time; ran false: it only stood in the file. Secrets are kept as the references
// that they are in the files: of a configuration with a secret's value in its text, the text is not kept.
func Keep(ctx context.Context, st store.Store, l *Loaded, now time.Time, ran bool) error {
	k, version, err := read(ctx, st, l.Plan.Version)
	if errors.Is(err, hub.ErrNotFound) {
		k, err = &Kept{ConfigRun: api.ConfigRun{Revision: l.Plan.Version, First: now, Withheld: l.openSecret()}}, nil
		if !k.Withheld {
			k.Files = l.Plan.Files
		}
	}
	if err != nil {
		return err
	}
	if ran {
		k.Last, k.Runs = now, k.Runs+1
	}
	value, err := json.Marshal(k)
	if err != nil {
		return err
	}
	u := &hub.Unit{Writes: []hub.Write{{Kind: keptKind, Key: k.Revision, Value: value, IfVersion: version}}}
	all, err := History(ctx, st)
	for _, old := range all[min(keptMost-1, len(all)):] {
		if old.Revision != k.Revision {
			u.Writes = append(u.Writes, hub.Write{Kind: keptKind, Key: old.Revision, IfVersion: hub.AnyVersion})
		}
	}
	if err == nil {
		err = st.Commit(ctx, u)
	}
	if errors.Is(err, hub.ErrConflict) { // another hub on the store noted it just now
		err = nil
	}
	return err
}

// openSecret tells that the value of a secret stands in the text of some file.
func (l *Loaded) openSecret() bool {
	return slices.ContainsFunc(l.Plan.Files, func(f yamlfile.Source) bool {
		return l.Plan.Mask.Text(string(f.Text)) != string(f.Text) || strings.Join(f.Shown(), "\n") != strings.ReplaceAll(string(f.Text), "\r\n", "\n")
	})
}

func read(ctx context.Context, st hub.Records, revision string) (*Kept, int64, error) {
	rec, err := st.Get(ctx, keptKind, revision)
	if err != nil {
		return nil, 0, err
	}
	k := &Kept{}
	return k, rec.Version, json.Unmarshal(rec.Value, k)
}

// History are the configurations that the store keeps, those that ran last first.
func History(ctx context.Context, st hub.Records) ([]api.ConfigRun, error) {
	list, err := st.List(ctx, keptKind, "", "", 1000)
	out := []api.ConfigRun{}
	for _, rec := range list {
		var k Kept
		if err := json.Unmarshal(rec.Value, &k); err != nil {
			return nil, err
		}
		out = append(out, k.ConfigRun)
	}
	slices.SortFunc(out, func(x, y api.ConfigRun) int {
		return cmp.Or(y.Last.Compare(x.Last), y.First.Compare(x.First))
	})
	return out, err
}

// KeptOf is the configuration of a revision, with its text.
func KeptOf(ctx context.Context, st hub.Records, revision string) (*Kept, error) {
	k, _, err := read(ctx, st, revision)
	switch {
	case errors.Is(err, hub.ErrNotFound):
		return nil, api.NotFoundf("no configuration %s is kept: hub config history lists them", revision)
	case err == nil && k.Withheld:
		return nil, api.Conflictf("withheld", "the text of %s is not kept, since the value of a secret stands in it: write secret:name", revision)
	}
	return k, err
}

// OnDisk tells that each of the files has the text that it had.
func OnDisk(files []yamlfile.Source) bool {
	return !slices.ContainsFunc(files, func(f yamlfile.Source) bool {
		if f.Set() {
			return false
		}
		text, err := os.ReadFile(f.Name)
		return err != nil || !slices.Equal(yamlfile.NewSource(f.Name, text).Text, f.Text)
	})
}

// Difference is how one set of files differs from another one, as lines of unified diffs without what looks like a password.
func Difference(from, to []yamlfile.Source) (lines []string) {
	names := []string{}
	for _, f := range slices.Concat(from, to) {
		if !slices.Contains(names, f.Name) {
			names = append(names, f.Name)
		}
	}
	text := func(files []yamlfile.Source, name string) []byte {
		i := slices.IndexFunc(files, func(f yamlfile.Source) bool { return f.Name == name })
		if i < 0 {
			return nil
		}
		return []byte(strings.Join(files[i].Shown(), "\n"))
	}
	for _, name := range names {
		if d := diff.Diff(name, text(from, name), name, text(to, name)); len(d) > 0 {
			all := strings.Split(strings.TrimSuffix(string(d), "\n"), "\n")
			lines = append(lines, slices.Concat([]string{name}, all[min(3, len(all)):])...)
		}
	}
	return lines
}

// Replace writes the files of k over those that are there, in the folder dir and below. undo puts back what was there.
func (k *Kept) Replace(dir string) (undo func() error, err error) {
	var before []yamlfile.Source
	undo = func() (err error) {
		for _, f := range before {
			err = errors.Join(err, overwrite(f.Name, f.Text))
		}
		return err
	}
	for _, f := range k.Files {
		if f.Set() {
			continue
		}
		text, err := os.ReadFile(f.Name)
		if rel, outside := filepath.Rel(dir, f.Name); err == nil && (outside != nil || strings.HasPrefix(rel, "..")) {
			err = fmt.Errorf("%s is outside of %s", f.Name, dir)
		}
		if err == nil && !slices.Equal(text, f.Text) {
			before = append(before, yamlfile.Source{Name: f.Name, Text: text})
			err = overwrite(f.Name, f.Text)
		}
		if err != nil {
			return undo, api.Conflictf("read_only", "%v: nothing was changed. Write the files where they come from, and hub reload", errors.Join(err, undo()))
		}
	}
	return undo, nil
}

// overwrite gives a file another text, at once.
func overwrite(name string, text []byte) error {
	mode := os.FileMode(0o600)
	if st, err := os.Stat(name); err == nil {
		mode = st.Mode().Perm()
	}
	temp := name + ".new"
	if err := os.WriteFile(temp, text, mode); err != nil {
		return err
	}
	return os.Rename(temp, name)
}
