package files

import (
	"path"
	"strings"
	"time"

	"orderhub/hub"
)

// Config is an entry of `adapters:` with `type: files`.
type Config struct {
	Dir        string        `yaml:"dir" doc:"Folder that files are read from and written to; made if it is not there. One of dir and path."`
	Path       string        `yaml:"path" doc:"The one file that is read, instead of all files of a folder."`
	Match      string        `yaml:"match" default:"*" doc:"Which names are read, such as *.csv. Names that begin with a dot never are."`
	Key        string        `yaml:"key" doc:"Ordering key of the messages: file (all records of a file one after another) or a field, such as body.call_id. Left out: no order."`
	Stable     time.Duration `yaml:"stable" default:"2s" min:"0s" max:"1h" doc:"A file is read once its size and time have not changed for that long; 60 times as long while a program has it open to write."`
	Marker     string        `yaml:"marker" doc:"Name of a file that says that another is complete: {name}.done, or {base}.ok, where {base} is the name without its ending. It is taken away with the file."`
	Poll       time.Duration `yaml:"poll" default:"1s" min:"10ms" max:"1h" doc:"How often the folder is looked at; a hint from the system makes it sooner."`
	Done       string        `yaml:"done" default:"done" doc:"Subfolder for files whose records are all taken."`
	Failed     string        `yaml:"failed" default:"failed" doc:"Subfolder for files with a refused record, each beside a list of them, name.errors."`
	Processing string        `yaml:"processing" default:".processing" doc:"Subfolder for files being read."`
	Once       bool          `yaml:"once" doc:"Read what is there now, leave the files in place, and end: for batch runs."`
	Workers    int           `yaml:"workers" default:"8" min:"1" max:"1024" doc:"Messages handled at once. Those that only wait for a target that makes many durable together, as append does, are not counted: 1,024 more may."`
	MaxRecord  int64         `yaml:"max_record" unit:"bytes" default:"1MiB" min:"1B" max:"64MiB" doc:"Largest record, or file where files are read whole; a larger one is refused as too_large."`
	Append     bool          `yaml:"append" doc:"What is sent is added to the end of the file of its name, in a format of many records: ndjson, csv, fixed, text. Left out: each message is a file."`
	Empty      string        `yaml:"empty" oneof:"skip|deliver|fail" default:"skip" doc:"A file of 0 bytes. skip: done, no message. deliver: a message without body. fail: refused as empty_file."`
}

// SourceConfig are the options of `from: {files-adapter: "*.csv", …}`; the text is the match.
type SourceConfig struct {
	Key   string `yaml:"key" doc:"Ordering key of these messages. Left out: that of the adapter."`
	Whole bool   `yaml:"whole" doc:"Each file is one message, also where its format has records."`
}

// SendOptions are the options of `send: {files-adapter: "{order}.json", …}`; the text names the file.
type SendOptions struct {
	FileName string `yaml:"file_name" doc:"Name of the file, where the text is left out; such as a formula. Left out too: the message's ID."`
}

const (
	emptySkip    = "skip"
	emptyDeliver = "deliver"
	emptyFail    = "fail"

	keyFile = "file"
)

// check finds what the tags can't, all of it.
func (c *Config) check() (faults hub.FieldFaults) {
	if (c.Dir == "") == (c.Path == "") {
		faults.Add("dir", "write dir: with a folder, or path: with a file", "one of dir and path is needed")
	}
	if _, err := path.Match(c.Match, ""); err != nil || strings.ContainsAny(c.Match, `/\`) {
		faults.Add("match", `write a pattern of file names, such as "*.csv"`, "match: %q is no pattern of file names", c.Match)
	}
	if c.Marker != "" && !c.goodMarker() {
		faults.Add("marker", `write "{name}.done", or "{base}.ok"`, "marker: %q does not name another file beside each file", c.Marker)
	}
	for _, f := range []struct{ at, name string }{{"done", c.Done}, {"failed", c.Failed}, {"processing", c.Processing}} {
		if f.name == "" || strings.Trim(f.name, ".") == "" || strings.ContainsAny(f.name, "/\\\x00") {
			faults.Add(f.at, "write the name of a subfolder", "%s: %q is no name of a subfolder", f.at, f.name)
		}
	}
	if c.Done == c.Failed || c.Done == c.Processing || c.Failed == c.Processing {
		faults.Add("done", "give each its own", "done, failed and processing are not three different subfolders")
	}
	if !validKey(c.Key) {
		faults.Add("key", "write file, or a field such as body.call_id", "key: %q is no key", c.Key)
	}
	return faults
}

func validKey(key string) bool {
	return key == "" || key == keyFile || strings.HasPrefix(key, "body.") && !strings.Contains(key+".", "..")
}
