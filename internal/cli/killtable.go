package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/x/ansi"

	"sockeye/internal/act"
	"sockeye/internal/host"
	"sockeye/internal/report"
)

// killSchema names the JSON document of kill. It may grow, never change.
const killSchema = "sockeye.kill/v1"

// killJSON is what kill prints as JSON. What is unknown is null.
type killJSON struct {
	Schema    string          `json:"schema"`
	TakenAt   time.Time       `json:"taken_at"`
	DryRun    bool            `json:"dry_run"`
	Entry     *uint64         `json:"entry"`
	Processes []processJSON   `json:"processes"`
	Blind     json.RawMessage `json:"blind_spots"`
	Again     []againJSON     `json:"held_again"`
}

// againJSON is a port of a process that has ended, which another listens on.
type againJSON struct {
	NetNS   *string     `json:"netns"`
	Local   string      `json:"local"`
	New     bool        `json:"new"`
	PID     int32       `json:"pid"`
	Process string      `json:"process"`
	Parent  *parentJSON `json:"parent"`
}

// parentJSON is who started a process; null for process 1 and for what started Sockeye.
type parentJSON struct {
	PID     int32  `json:"pid"`
	Process string `json:"process"`
}

func parentToJSON(p *host.Process) *parentJSON {
	if p == nil {
		return nil
	}
	return &parentJSON{p.PID, p.Name}
}

type processJSON struct {
	PID        int32           `json:"pid"`
	Process    string          `json:"process"`
	Exe        *string         `json:"exe"`
	ExeDeleted bool            `json:"exe_deleted"`
	Cmdline    *string         `json:"cmdline"`
	User       *string         `json:"user"`
	Unit       *string         `json:"unit"`
	Container  json.RawMessage `json:"container"`
	NetNS      *string         `json:"netns"`
	Started    *time.Time      `json:"started_at"`
	Sockets    *int            `json:"sockets"`
	Outcome    string          `json:"outcome"`
	Spared     *string         `json:"spared"`
	Error      *string         `json:"error"`
	Parent     *parentJSON     `json:"parent"`
}

func (k *killing) print(app App, format string) error {
	switch {
	case format == "json":
		return printed(report.AsJSON(app.Stdout, k.json()))
	case app.StdoutTTY:
		return written(k.describe(app.Stdout, app.Width))
	}
	return written(k.tabs(app.Stdout))
}

func (k *killing) json() killJSON {
	out := killJSON{Schema: killSchema, TakenAt: k.sn.TakenAt.UTC(), DryRun: k.dryRun, Entry: orNull(k.entry),
		Processes: []processJSON{}, Blind: appendNotesJSON(nil, k.notes), Again: []againJSON{}}
	for i := range k.plan {
		p := &k.plan[i]
		row := processJSON{
			PID: p.PID, Process: p.Name, Exe: orNull(p.Exe), ExeDeleted: p.ExeDeleted, Cmdline: orNull(host.CommandLine(p.Cmdline)),
			User: orNull(userOf(p.Process)), Unit: orNull(p.Unit), Container: appendContainerJSON(nil, p.Container),
			Outcome: outcomeOf(p.spared, p.result, "would-end"), Spared: orNull(string(p.spared)), Error: orNull(errorText(p.result.Err)),
			Parent: parentToJSON(p.parent),
		}
		if !p.unseen {
			row.Sockets = &p.Sockets
		}
		if p.NetNS != 0 {
			row.NetNS = orNull(strconv.FormatUint(p.NetNS, 10))
		}
		if !p.Started.IsZero() {
			at := p.Started.UTC().Truncate(10 * time.Millisecond) // as exact as the kernel's clock tick
			row.Started = &at
		}
		out.Processes = append(out.Processes, row)
	}
	for _, h := range k.again {
		row := againJSON{Local: h.socket.Local.String(), New: h.isNew, PID: h.holder.PID, Process: h.holder.Name, Parent: parentToJSON(h.parent)}
		if h.socket.NetNS != 0 {
			row.NetNS = orNull(strconv.FormatUint(h.socket.NetNS, 10))
		}
		out.Again = append(out.Again, row)
	}
	return out
}

func userOf(p *host.Process) string {
	if p.User == "" {
		return userNumber(p.UID)
	}
	return p.User
}

// outcome is what became of it in words, or would.
func (k *killing) outcome(p *doomed) string {
	if p.spared != act.NoReason {
		return sentence(k.book, "act.spared", sentence(k.book, "act.kill.why."+string(p.spared), nil))
	}
	if p.result.Outcome == "" {
		if p.forbidden {
			return sentence(k.book, "act.outcome.would-refuse", nil)
		}
		if k.force { // where SIGTERM comes first
			if text, err := k.book.Word(here("act.outcome.would-end")+".force", k.grace); err == nil {
				return text
			}
		}
		return sentence(k.book, "act.outcome.would-end", nil)
	}
	switch {
	case p.result.Outcome != act.Running:
	case errors.Is(p.result.Err, act.ErrStopped):
		return sentence(k.book, "act.outcome.stopped", nil)
	case errors.Is(p.result.Err, act.ErrTraced):
		return sentence(k.book, "act.outcome.traced", nil)
	}
	text := sentence(k.book, "act.outcome."+string(p.result.Outcome), nil)
	if p.result.Err != nil && p.result.Outcome == act.Refused {
		text += ": " + p.result.Err.Error()
	}
	return text
}

var killHeaders = []string{"PID", "PROCESS", "USER", "SOCKETS", "UNIT", "CONTAINER", "EXE", "COMMAND", "RESULT", "PARENT"}

// tabs prints a line for each process, for programs.
func (k *killing) tabs(w io.Writer) error {
	g := &grid{headers: killHeaders, rows: len(k.plan)}
	g.cell = func(dst []byte, row, column int) []byte {
		p := &k.plan[row]
		start := len(dst)
		switch killHeaders[column] {
		case "PID":
			dst = strconv.AppendInt(dst, int64(p.PID), 10)
		case "PROCESS":
			dst = append(dst, p.Name...)
		case "USER":
			dst = append(dst, userOf(p.Process)...)
		case "SOCKETS":
			if p.unseen {
				dst = append(dst, '?')
			} else {
				dst = strconv.AppendInt(dst, int64(p.Sockets), 10)
			}
		case "UNIT":
			dst = append(dst, p.Unit...)
		case "CONTAINER":
			dst = append(dst, containerName(p.Container)...)
		case "EXE":
			dst = append(dst, p.Exe...)
		case "COMMAND":
			dst = append(dst, host.CommandLine(p.Cmdline)...)
		case "PARENT":
			if p.parent != nil {
				dst = appendCalled(dst, p.parent.Name, p.parent.PID)
			}
		default:
			dst = append(dst, k.outcome(p)...)
		}
		return printableFrom(dst, start)
	}
	return g.writeTabs(w, true)
}

// containerName is its name, else its id as engines shorten it; "" for none.
func containerName(c *host.Container) string {
	switch {
	case c == nil:
		return ""
	case c.Name != "":
		return c.Name
	}
	return c.ID[:min(12, len(c.ID))]
}

// margin stands in front of labels, which take so many columns.
const margin, labelled = 2, 11

// describe tells people of each process in a few lines, none wider than the terminal
// but for words that are.
func (k *killing) describe(w io.Writer, width int) error {
	const longestCommand = 4 // lines, if they were full
	var out strings.Builder
	room := max(20, width-margin-labelled)
	for i := range k.plan {
		p := &k.plan[i]
		if i > 0 {
			out.WriteByte('\n')
		}
		fmt.Fprintln(&out, called(p.Process))
		lines := func(label string, texts []string) {
			label = sentence(k.book, "act.kill."+label, nil)
			for _, text := range texts {
				fmt.Fprintf(&out, "%*s%s%s\n", margin, "", padded(label, labelled), text)
				label = ""
			}
		}
		line := func(label, text string) {
			if text != "" {
				lines(label, report.Wrap(host.Printable(text), room))
			}
		}
		exe := p.Exe
		if p.ExeDeleted {
			exe = sentence(k.book, "act.kill.exe-deleted", exe)
		}
		line("exe", exe)
		if command := host.Printable(host.CommandLine(p.Cmdline)); command != "" {
			command = ansi.Truncate(command, longestCommand*room, "…")
			var rows []string
			for _, row := range report.Wrap(command, room) { // a class path is longer than a line
				rows = append(rows, strings.Split(ansi.Hardwrap(row, room, true), "\n")...)
			}
			lines("cmdline", rows)
		}
		line("user", userOf(p.Process))
		if !p.Started.IsZero() {
			line("started", p.Started.Local().Format(time.DateTime))
		}
		if p.parent != nil {
			text := called(p.parent)
			if p.spared == act.NoReason && p.result.Outcome == "" {
				text = sentence(k.book, "act.kill.parent.may-restart", text)
			}
			line("parent", text)
		}
		if p.unseen {
			line("holds", sentence(k.book, "act.kill.sockets.unseen", nil))
		} else {
			line("holds", sentence(k.book, "act.kill.sockets", p.Sockets))
		}
		line("unit", k.unit(p.Process))
		line("container", k.container(p.Container))
		line("result", k.outcome(p))
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// padded fills a label up; a Chinese character is two columns wide.
func padded(label string, columns int) string {
	return label + strings.Repeat(" ", max(1, columns-cellWidth([]byte(label))))
}

// unit names the unit, and where systemd may start it again the command that stops it.
func (k *killing) unit(p *host.Process) string {
	if text := serviceHere(k.book, p); text != "" {
		return text
	}
	if !isService(p) {
		return p.Unit
	}
	byUser := strings.Contains(p.Cgroup, "/user@") // of a user's own manager
	return sentence(k.book, "act.kill.unit.service", struct {
		Unit string
		User bool
	}{p.Unit, byUser})
}

func (k *killing) container(c *host.Container) string {
	if c == nil {
		return ""
	}
	stop := ""
	if c.Engine == "docker" || c.Engine == "podman" {
		stop = c.Engine + " stop"
	}
	return sentence(k.book, "act.kill.container.engine", struct{ Name, Engine, Stop string }{containerName(c), c.Engine, stop})
}
