package cli

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"sockeye/internal/tcp"
)

// socketsSchema names the JSON document of list. It may grow, never change.
const socketsSchema = "sockeye.sockets/v1"

type listOptions struct {
	selection
	wide, names, numeric bool
	sort                 string
	limit                int
}

func newListCmd(app App, take takeFunc) *cobra.Command {
	var o listOptions
	cmd := &cobra.Command{
		Use:   "list [FILTER]",
		Short: "List TCP sockets, as ss does, of every network namespace",
		Long: `List prints the machine's TCP sockets with the processes that hold them: those of
every network namespace, listeners, TIME_WAIT, and sockets that no TCP table shows
(BOUND, CLOSED). On a terminal it prints an aligned table, without columns that have
nothing to say or for which there is no room; into a pipe, tab-separated lines whose
columns are always the same. --wide has more of them, CSV and JSON have all. An unknown
value is "-", and null in JSON.

While 'sockeye trace' runs it remembers who opened and who closed each connection that
began since. A socket that nobody holds any more (TIME_WAIT) then shows its opener, with
an arrow in front: "←java(812)" called connect() or accept() and has let go since. CODE is
the line of the program that opened it.
` + filterHelp,
		Example: `  sockeye list                                  everything
  sockeye list state close-wait                 what programs forgot to close
  sockeye list '( dport = :443 or sport = :22 )' process ssh
  sockeye list state time-wait dst 10.0.0.0/8 --sort -age --limit 20
  sockeye list process java 'recvq > 0' --wide
  sockeye list state time-wait opener java code dao.go
  sockeye list --format ndjson | jq -r 'select(.timer != null) | .raddr'`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return runList(cmd, app, take, o, args) },
	}
	o.addFlags(cmd)
	f := cmd.Flags()
	f.BoolVar(&o.wide, "wide", false, "more columns: user, unit, container, inode, cookie, age, rtt, …, opener, closer; in JSON whole stacks")
	f.StringVar(&o.sort, "sort", "", "fields to sort by, '-' before one turns it round: "+strings.Join(fieldNames(false), ", "))
	f.IntVar(&o.limit, "limit", 0, "print N sockets at most; 0 prints all")
	f.BoolVarP(&o.names, "resolve-services", "r", false, "service names instead of port numbers")
	f.BoolVarP(&o.numeric, "numeric", "n", true, "port numbers (the default; for the fingers that know ss)")
	cmd.MarkFlagsMutuallyExclusive("resolve-services", "numeric")
	return cmd
}

func runList(cmd *cobra.Command, app App, take takeFunc, o listOptions, args []string) error {
	if o.limit < 0 {
		return usage(fmt.Errorf("--limit %d is out of range", o.limit), "take 0 (all) or more")
	}
	keys, err := sortKeys(o.sort)
	if err != nil {
		return err
	}
	noInfo := o.format == "table" && !o.wide && !strings.Contains(o.sort, "rtt") && !strings.Contains(o.sort, "retrans")
	p, e, err := o.pick(cmd, app, take, args, noInfo)
	if err != nil {
		return err
	}
	asked := asksMemory(e, keyNames(keys))
	p.missMemory(asked)
	p.stacks = o.wide
	none := len(p.rows) == 0
	if len(keys) > 0 {
		p.sorted(p.rows, keys)
	}
	if o.limit > 0 && len(p.rows) > o.limit {
		p.rows = p.rows[:o.limit]
	}
	if p.showNames = o.names; o.names {
		p.services = systemServices()
	}
	if err := p.printList(cmd, app, o); err != nil {
		return err
	}
	p.printLeft(app)
	p.printForgotten(app, e, asked, true)
	if none {
		return p.nothing(e)
	}
	p.printHint(app)
	return nil
}

func (p *picked) printList(cmd *cobra.Command, app App, o listOptions) error {
	socket := func(i int) *tcp.Socket { return &p.sn.Sockets[p.rows[i]] }
	switch o.format {
	case "json":
		head := string(appendHead(nil, socketsSchema, p.sn)) + `,"sockets":[`
		foot := string(append(appendNotesJSON([]byte("\n],\"blind_spots\":"), p.notes), "}\n"...))
		return lines(cmd.Context(), app.Stdout, len(p.rows), head, foot, func(dst []byte, i int) []byte {
			if i > 0 {
				dst = append(dst, ',')
			}
			return p.appendSocketJSON(append(dst, '\n'), socket(i))
		})
	case "ndjson":
		return lines(cmd.Context(), app.Stdout, len(p.rows), "", "", func(dst []byte, i int) []byte {
			return append(p.appendSocketJSON(dst, socket(i)), '\n')
		})
	case "csv":
		head := csvHeader + "\r\n"
		if o.noHeader {
			head = ""
		}
		return lines(cmd.Context(), app.Stdout, len(p.rows), head, "", func(dst []byte, i int) []byte {
			return append(p.appendCSV(dst, socket(i)), "\r\n"...)
		})
	}
	if len(p.rows) == 0 {
		return nil // a header alone says nothing
	}
	columns := p.columnsFor(p.rows, o.wide, app.StdoutTTY)
	if app.StdoutTTY && !o.wide {
		columns, p.left = p.narrow(columns, app.Width)
	}
	g := p.grid(columns)
	p.coloured(g, app)
	if app.StdoutTTY {
		return written(g.writeAligned(app.Stdout, app.Width, !o.noHeader))
	}
	return written(g.writeTabs(app.Stdout, !o.noHeader))
}

func (p *picked) grid(columns []column) *grid {
	g := &grid{rows: len(p.rows)}
	for _, c := range columns {
		g.headers = append(g.headers, c.header)
		g.right = append(g.right, c.right)
		g.flex = append(g.flex, c.flex)
	}
	g.cell = func(dst []byte, row, column int) []byte {
		start := len(dst)
		return printableFrom(columns[column].text(p.view, dst, &p.sn.Sockets[p.rows[row]]), start)
	}
	return g
}

// coloured gives the states their colours.
func (p *picked) coloured(g *grid, app App) {
	if !colour(app) {
		return
	}
	cells := stateColours()
	g.colour = func(row, column int) (before, after string) {
		if column != 0 {
			return "", ""
		}
		c := cells[p.sn.Sockets[p.rows[row]].State%tcp.NumStates]
		return c[0], c[1]
	}
}

// csvHeader names the columns of appendCSV; they are always all there.
const csvHeader = "state,recvq,sendq,laddr,lport,raddr,rport,pid,process,owners,timer,timer_expires_s,timer_retries," +
	"netns,uid,user,unit,container,inode,cookie,age_s,rtt_ms,retrans,lastsnd_s,lastrcv_s,dev,mark,port_by,orphan," +
	"opener_pid,opener,closer,ending,code"

// appendCSV appends a row in the order of csvHeader (RFC 4180); what is unknown
// is empty.
func (p *picked) appendCSV(dst []byte, s *tcp.Socket) []byte {
	first := true
	cell := func(x value) {
		if !first {
			dst = append(dst, ',')
		}
		first = false
		start := len(dst)
		dst = csvFrom(x.appendTo(dst), start)
	}
	decimal := func(thousandths int64, known bool) {
		if dst = append(dst, ','); known {
			dst = appendDecimal(dst, thousandths)
		}
	}
	cell(textValue(s.State.String()))
	cell(numberValue(uint64(s.RecvQ), true))
	cell(numberValue(uint64(s.SendQ), true))
	cell(addrValue(s.Local))
	cell(numberValue(uint64(s.Local.Port()), s.Local.Port() != 0))
	cell(addrValue(s.Remote))
	cell(numberValue(uint64(s.Remote.Port()), s.Remote.Port() != 0))
	cell(numberValue(uint64(max(0, s.PID)), s.PID > 0))
	cell(textValue(p.processName(s.PID)))
	owners := max(len(p.Sharers(s)), b2i(s.PID > 0))
	cell(numberValue(uint64(owners), owners > 0))
	cell(textValue(s.Timer.Kind.String()))
	timed := s.Timer.Kind != tcp.TimerOff
	decimal(s.Timer.Expires.Milliseconds(), timed)
	cell(numberValue(uint64(s.Timer.Retries), timed))
	cell(serialOrNull(s.NetNS))
	uid, user, known := p.User(s)
	cell(numberValue(uint64(uid), known))
	cell(textValue(user))
	unit := ""
	if holder := p.process(s); holder != nil {
		unit = holder.Unit
	}
	cell(textValue(unit))
	cell(textValue(p.container(s)))
	cell(numberValue(s.Inode, true))
	cell(numberValue(s.Cookie, s.Cookie != 0))
	age, aged := p.Age(s)
	decimal(age.Milliseconds(), aged)
	info := s.Info
	if info == nil {
		info = &tcp.Info{}
	}
	decimal(info.RTT.Microseconds(), s.Info != nil)
	cell(numberValue(uint64(info.Retrans), s.Info != nil))
	decimal(info.LastSend.Milliseconds(), s.Info != nil)
	decimal(info.LastRecv.Milliseconds(), s.Info != nil)
	cell(textValue(p.ifaceText(s.NetNS, s.Iface)))
	cell(numberValue(uint64(s.Mark), true))
	cell(textValue(portUse(s.Port)))
	dst = strconv.AppendBool(append(dst, ','), s.Orphan)
	pid, opener, opened := p.Opener(s)
	cell(numberValue(uint64(max(0, pid)), opened))
	cell(textValue(opener))
	cell(textValue(string(p.Closer(s))))
	cell(textValue(string(p.life(s).Ending)))
	cell(codeValue(p.openerOf(s)))
	return dst
}
