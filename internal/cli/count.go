package cli

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sockeye/internal/tcp"
)

// countSchema names the JSON document of count. It may grow, never change.
const countSchema = "sockeye.count/v1"

type countOptions struct {
	selection
	by  string
	top int
}

func newCountCmd(app App, take takeFunc) *cobra.Command {
	var o countOptions
	cmd := &cobra.Command{
		Use:   "count [FILTER]",
		Short: "Count TCP sockets by state, process, destination, …",
		Long: `Count groups the machine's TCP sockets and prints the largest groups first: what
"netstat -an | awk | sort | uniq -c" is used for. A socket that several processes hold
counts once, for the first of them. "-" is what has no value: TIME_WAIT has no process,
but it has an opener, and perhaps its line of code, while 'sockeye trace' runs.
` + filterHelp,
		Example: `  sockeye count                                     by state
  sockeye count --by process,state                  who holds what
  sockeye count state time-wait --by dst --top 10   the destinations of short connections
  sockeye count sport = :443 --by raddr --top 20    who connects here most
  sockeye count state time-wait --by opener,code    who made them, and where
  sockeye count --by netns --format json`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runCount(cmd, app, take, o, args) },
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.StringVar(&o.by, "by", "state", "fields to group by: "+strings.Join(fieldNames(true), ", "))
	f.IntVar(&o.top, "top", 0, "print the N largest groups; 0 prints all")
	return cmd
}

func runCount(cmd *cobra.Command, app App, take takeFunc, o countOptions, args []string) error {
	if o.top < 0 {
		return usage(fmt.Errorf("--top %d is out of range", o.top), "take 0 (all) or more")
	}
	var by []field
	for name := range strings.SplitSeq(o.by, ",") {
		f, err := findField("by", name, true)
		if err != nil {
			return err
		}
		by = append(by, f)
	}
	p, e, err := o.pick(cmd, app, take, args, true)
	if err != nil {
		return err
	}
	t := p.tally(by)
	asked := asksMemory(e, t.names())
	p.missMemory(asked)
	if err := t.print(cmd, app, o); err != nil {
		return err
	}
	p.printForgotten(app, e, asked, false)
	if len(p.rows) == 0 {
		return p.nothing(e)
	}
	p.printHint(app)
	return nil
}

// group is the sockets that have the same values; first is one of them.
type group struct {
	first *tcp.Socket
	count int
}

// tally is the answer of count.
type tally struct {
	*picked
	by     []field
	groups []group // largest first
}

// tally counts the rows by the fields' values. Equal counts are in the order of
// the fields, so that the answer does not depend on the order of the table.
func (p *picked) tally(by []field) *tally {
	t := &tally{picked: p, by: by}
	at := map[string]int{}
	var key []byte
	for _, row := range p.rows {
		s := &p.sn.Sockets[row]
		key = key[:0]
		for _, f := range by {
			x := f.value(p.view, s)
			key = append(key, byte(x.kind))
			start := len(key)
			key = x.appendTo(key)
			// the length keeps "a","bc" and "ab","c" apart, whatever names hold
			key = strconv.AppendInt(append(key, 0), int64(len(key)-start), 10)
		}
		i, ok := at[string(key)]
		if !ok {
			i = len(t.groups)
			at[string(key)] = i
			t.groups = append(t.groups, group{first: s})
		}
		t.groups[i].count++
	}
	slices.SortStableFunc(t.groups, func(a, b group) int {
		if c := cmp.Compare(b.count, a.count); c != 0 {
			return c
		}
		for _, f := range by {
			order := f.value
			if f.order != nil {
				order = f.order
			}
			if c := order(p.view, a.first).compare(order(p.view, b.first)); c != 0 {
				return c
			}
		}
		return 0
	})
	return t
}

func (t *tally) share(count int) float64 { return float64(count) / float64(max(1, len(t.rows))) }

func (t *tally) print(cmd *cobra.Command, app App, o countOptions) error {
	shown := t.groups
	if o.top > 0 && len(shown) > o.top {
		shown = shown[:o.top]
	}
	switch o.format {
	case "json":
		return lines(cmd.Context(), app.Stdout, len(shown), t.jsonHead(), t.jsonFoot(shown), func(dst []byte, i int) []byte {
			if i > 0 {
				dst = append(dst, ',')
			}
			return t.appendGroupJSON(append(dst, '\n'), shown[i])
		})
	case "ndjson":
		return lines(cmd.Context(), app.Stdout, len(shown), "", "", func(dst []byte, i int) []byte {
			return append(t.appendGroupJSON(dst, shown[i]), '\n')
		})
	case "csv":
		head := strings.Join(t.names(), ",") + ",count,share\r\n"
		if o.noHeader {
			head = ""
		}
		return lines(cmd.Context(), app.Stdout, len(shown), head, "", func(dst []byte, i int) []byte {
			for _, f := range t.by {
				start := len(dst)
				dst = append(csvFrom(f.value(t.view, shown[i].first).appendTo(dst), start), ',')
			}
			dst = append(strconv.AppendInt(dst, int64(shown[i].count), 10), ',')
			return append(appendShare(dst, t.share(shown[i].count)), "\r\n"...)
		})
	}
	if len(shown) == 0 {
		return nil
	}
	g := t.table(shown, !o.noHeader)
	if app.StdoutTTY {
		return written(g.writeAligned(app.Stdout, app.Width, !o.noHeader))
	}
	return written(g.writeTabs(app.Stdout, !o.noHeader))
}

func (t *tally) names() []string {
	names := make([]string, len(t.by))
	for i, f := range t.by {
		names[i] = f.name
	}
	return names
}

func (t *tally) jsonHead() string {
	dst := appendHead(nil, countSchema, t.sn)
	dst = strconv.AppendInt(append(dst, `,"total":`...), int64(len(t.rows)), 10)
	dst = append(dst, `,"by":[`...)
	for i, name := range t.names() {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONString(dst, name)
	}
	return string(append(dst, `],"groups":[`...))
}

// jsonFoot ends the document; "others" is what --top left out.
func (t *tally) jsonFoot(shown []group) string {
	groups, sockets := t.others(shown)
	dst := strconv.AppendInt([]byte("\n],\"others\":{\"groups\":"), int64(groups), 10)
	dst = strconv.AppendInt(append(dst, `,"count":`...), int64(sockets), 10)
	dst = appendNotesJSON(append(dst, `},"blind_spots":`...), t.notes)
	return string(append(dst, "}\n"...))
}

func (t *tally) others(shown []group) (groups, sockets int) {
	sockets = len(t.rows)
	for _, g := range shown {
		sockets -= g.count
	}
	return len(t.groups) - len(shown), sockets
}

func (t *tally) appendGroupJSON(dst []byte, g group) []byte {
	dst = append(dst, '{')
	for _, f := range t.by {
		dst = append(appendJSONString(dst, f.name), ':')
		dst = append(appendValueJSON(dst, f.value(t.view, g.first)), ',')
	}
	dst = strconv.AppendInt(append(dst, `"count":`...), int64(g.count), 10)
	return append(appendShare(append(dst, `,"share":`...), t.share(g.count)), '}')
}

func appendShare(dst []byte, share float64) []byte {
	return strconv.AppendFloat(dst, math.Round(share*1e6)/1e6, 'f', -1, 64)
}

// appendPercent prints a share with one decimal. It never rounds to nothing what
// is there, nor to everything what is not.
func appendPercent(dst []byte, share float64) []byte {
	tenths := math.Floor(share*1000 + 1e-9)
	if tenths == 0 && share > 0 {
		return append(dst, "<0.1%"...)
	}
	return append(strconv.AppendFloat(dst, tenths/10, 'f', 1, 64), '%')
}

// table is the groups, what --top left out, and the total. The last
// two go with the header: scripts that leave it out want rows only.
func (t *tally) table(shown []group, sums bool) *grid {
	g := &grid{headers: append([]string{"COUNT", "SHARE"}, upper(t.names())...), rows: len(shown)}
	g.right = make([]bool, len(g.headers))
	g.right[0], g.right[1] = true, true
	g.flex = make([]bool, len(g.headers))
	for i, f := range t.by {
		g.flex[i+2] = slices.Contains([]string{"process", "container", "unit", "user", "opener", "code"}, f.name)
	}
	left, leftSockets := t.others(shown)
	if sums && left > 0 {
		g.rows++
	}
	if sums {
		g.rows++
	}
	g.cell = func(dst []byte, row, column int) []byte {
		count, name := 0, ""
		switch {
		case row < len(shown):
			count = shown[row].count
		case row == g.rows-1:
			count, name = len(t.rows), "total"
		default:
			count, name = leftSockets, strconv.Itoa(left)+" others"
		}
		start := len(dst)
		switch {
		case column == 0:
			return strconv.AppendInt(dst, int64(count), 10)
		case column == 1:
			return appendPercent(dst, t.share(count))
		case row >= len(shown) && column == 2:
			return append(dst, name...)
		case row >= len(shown):
			return dst
		}
		f := t.by[column-2]
		x := f.value(t.view, shown[row].first)
		if f.label != nil {
			if label := f.label(t.view, x); label != "" {
				return printableFrom(append(dst, label...), start)
			}
		}
		return printableFrom(x.appendTo(dst), start)
	}
	return g
}
