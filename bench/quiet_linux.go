package main

import (
	"context"
	"fmt"
	"io"
	"time"
)

// quietRuns is how often doctor looks at nothing: it is quick, and one process
// start more or less is most of what is measured.
const quietRuns = 15

// quietCase measures doctor from exec to verdict where nothing is going on.
func quietCase(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	o.runs = quietRuns
	all, err := compare(ctx, []command{
		{name: "sockeye doctor --sample 0", args: []string{o.sockeye, "doctor", "--sample=0", "--netns=self"}},
		{name: "  the same, --netns all", args: []string{o.sockeye, "doctor", "--sample=0", "--netns=all"}},
		{name: "sockeye --version (start)", args: []string{o.sockeye, "--version"}},
	}, o)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(w, "\nQuiet machine: a namespace without sockets, from exec to verdict\n")
	printRows(w, rowsOf(all, 0))
	return []goal{
		below("doctor --sample 0, quiet", spreadOf(all[0].runs).median, 150*time.Millisecond),
		below("doctor --sample 0 --netns all, quiet", spreadOf(all[1].runs).median, 150*time.Millisecond),
	}, nil
}
