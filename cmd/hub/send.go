package main

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"orderhub/cmd/hub/internal/exit"
	"orderhub/cmd/hub/internal/words"
)

type sendFlags struct {
	wait           bool
	timeout        time.Duration
	key            string
	headers, param []string
}

func (c *cli) sendCommand() *cobra.Command {
	var f sendFlags
	cmd := &cobra.Command{
		Use:   "send PIPELINE [@FILE|-|JSON]",
		Short: "Send a message into a pipeline, as if it came from its source",
		Long: "Send a message into a pipeline of the running hub. The body is a file (@order.json), stdin (-) or the text itself.\n" +
			"With --wait it waits until all of it is handled and prints the trace: 1 when it left a dead letter, 4 when it took too long.",
		Args:              between(1, 2),
		ValidArgsFunction: completePipelines,
		RunE:              func(cmd *cobra.Command, args []string) error { return c.send(cmd, args, f) },
	}
	cmd.Flags().BoolVar(&f.wait, "wait", false, "wait until it is handled, and print the trace")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long --wait waits")
	cmd.Flags().StringVar(&f.key, "key", "", "ordering key of the message")
	cmd.Flags().StringArrayVar(&f.headers, "header", nil, "header of the message, name=value")
	cmd.Flags().StringArrayVar(&f.param, "param", nil, "parameter of the route, name=value")
	return cmd
}

func (c *cli) send(cmd *cobra.Command, args []string, f sendFlags) error {
	body, err := c.bodyArgument(args[1:])
	if err != nil {
		return err
	}
	query := url.Values{}
	for prefix, list := range map[string][]string{"header.": f.headers, "param.": f.param} {
		for _, pair := range list {
			name, value, ok := strings.Cut(pair, "=")
			if !ok {
				return exit.Usagef("%q is no name=value", pair)
			}
			query.Set(prefix+name, value)
		}
	}
	if f.key != "" {
		query.Set("key", f.key)
	}
	if f.wait {
		query.Set("wait", f.timeout.String())
	}
	var a sendAnswer
	done, err := c.fetch(cmd.Context(), http.MethodPost, "/pipelines/"+url.PathEscape(args[0])+"/messages", query, body, &a)
	if err != nil {
		return err
	}
	if !done {
		c.printSent(&a)
	}
	switch {
	case !f.wait || a.Trace == nil:
		return nil
	case !*a.Quiet:
		return exit.With(exit.Timeout, fmt.Errorf("%s is not through after %s: hub trace %s", a.ID, f.timeout, a.ID))
	case a.Trace.State == stateDead:
		return exit.With(exit.Problems, fmt.Errorf("%s left a dead letter: hub dlq", a.ID))
	}
	return nil
}

// bodyArgument is @file, - for stdin, or the text itself.
func (c *cli) bodyArgument(args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	if file, ok := strings.CutPrefix(args[0], "@"); ok {
		return os.ReadFile(file)
	}
	if args[0] == "-" {
		return io.ReadAll(c.In)
	}
	return []byte(args[0]), nil
}

func (c *cli) printSent(a *sendAnswer) {
	if a.Trace != nil {
		c.printTrace(a.Trace, time.Now())
		return
	}
	text := a.ID
	if a.Reply != nil {
		if status := a.Reply.Headers.Get("status"); status != "" {
			text += "  " + status
		}
		if a.Reply.Body != nil {
			text += "  " + words.OneLine(words.JSON(a.Reply.Body), 200)
		}
	}
	c.Print("%s", text)
}
