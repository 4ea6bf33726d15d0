package diagnose

import (
	"bytes"
	"encoding/json"
	"time"
)

// Schema names the contract that Report is printed in. It may grow, never change.
const Schema = "sockeye.report/v1"

// Severity orders findings and is the verdict's scale.
type Severity string

// Severities, mildest first. Healthy is a verdict only, never a finding's.
const (
	Healthy  Severity = "healthy"
	Notice   Severity = "notice"
	Warning  Severity = "warning"
	Critical Severity = "critical"
)

// rank orders severities; unknown ones are mildest.
func (s Severity) rank() int {
	switch s {
	case Critical:
		return 3
	case Warning:
		return 2
	case Notice:
		return 1
	}
	return 0
}

// Certainty says how sure a finding is.
type Certainty string

// Certainties, weakest first.
const (
	Possible Certainty = "possible" // one glance only
	Likely   Certainty = "likely"   // near the limit and growing, or a behaviour seen in the act
	Proven   Certainty = "proven"   // limit reached, or the failure itself observed
)

// Report is everything Sockeye says about a machine. Pointers are nil where a
// value is unknown.
type Report struct {
	Schema     string      `json:"schema"`
	Tool       Tool        `json:"tool"`
	Host       Host        `json:"host"`
	TakenAt    time.Time   `json:"taken_at"`
	WindowS    float64     `json:"window_s"` // seconds between the two looks; 0 for a single one
	Source     Source      `json:"source"`
	Verdict    Severity    `json:"verdict"`
	Totals     Totals      `json:"totals"`
	Namespaces []NetNS     `json:"namespaces"`
	Limits     []Limit     `json:"limits"`
	Findings   []Finding   `json:"findings"`
	BlindSpots []BlindSpot `json:"blind_spots"`

	Lang string `json:"lang"` // of the sentences: "en" or "zh"

	// Sockets are the rows of the last look, as 'list --format ndjson' writes
	// them, when they were asked for.
	Sockets json.RawMessage `json:"sockets,omitempty"`
}

// Optional is a text that may be unknown or absent: "" is null in JSON.
type Optional string

// MarshalJSON writes null for "".
func (o Optional) MarshalJSON() ([]byte, error) {
	if o == "" {
		return []byte("null"), nil
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false) // names of C++ and Go hold <, > and &
	if err := enc.Encode(string(o)); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// NetNS is a network namespace that was looked into.
type NetNS struct {
	Inode string   `json:"inode"`
	Name  Optional `json:"name"` // from /run/netns
	PID   *int32   `json:"pid"`  // a process that lives in it
	Self  bool     `json:"self"` // the one that Sockeye was started in
}

// Tool is the program that made the report.
type Tool struct {
	Version string `json:"version"`
}

// Host is the machine that was examined.
type Host struct {
	Name    *string  `json:"name"`
	OS      *string  `json:"os"`
	Kernel  *string  `json:"kernel"`
	UptimeS *float64 `json:"uptime_s"`
}

// Source says how the facts were obtained.
type Source struct {
	Kind      string `json:"kind"`
	SocketsBy string `json:"sockets_by"`
	OwnersBy  string `json:"owners_by"`
	EventsBy  string `json:"events_by"` // "tracepoint", "diff" (two looks) or "none"
}

// Totals counts the sockets that were seen.
type Totals struct {
	Sockets int            `json:"sockets"`
	ByState map[string]int `json:"by_state"`
	AtLeast bool           `json:"at_least,omitempty"` // of a text that was cut

	// Of a text that only counts: connections by remote end, most first.
	ByRemote []CountedEnd `json:"by_remote,omitempty"`
	// Entries of connection tracking by state, where a list of them was given.
	Tracked map[string]uint64 `json:"tracked_by_state,omitempty"`
	// Of a text without a table: sockets as the kernel counts them in
	// /proc/net/sockstat, by the names it uses there (inuse, tw, orphan, alloc).
	Sockstat map[string]uint64 `json:"sockstat,omitempty"`
}

// CountedEnd is a remote end and how many connections lead there.
type CountedEnd struct {
	End         string `json:"end"`
	Connections uint64 `json:"connections"`
}

// Limit is a host.Limit in the contract's spelling.
type Limit struct {
	ID          string   `json:"id"`
	Title       string   `json:"title"`
	Scope       Scope    `json:"scope"`
	Used        *uint64  `json:"used"`
	AtLeast     bool     `json:"at_least,omitempty"` // used, of a text that was cut
	Capacity    uint64   `json:"capacity"`
	Utilization *float64 `json:"utilization"`
	Unit        string   `json:"unit"`
	RatePerS    *float64 `json:"rate_per_s"`
	SteadyState *uint64  `json:"steady_state"`
	FullInS     *float64 `json:"full_in_s"`
}

// Scope says whose limit it is. What does not apply is left out.
type Scope struct {
	NetNS   string `json:"netns,omitempty"`
	Family  string `json:"family,omitempty"` // "ipv4" or "ipv6", of neighbour tables
	Laddr   string `json:"laddr,omitempty"`
	Lport   uint16 `json:"lport,omitempty"`
	Raddr   string `json:"raddr,omitempty"`
	Rport   uint16 `json:"rport,omitempty"`
	PID     int32  `json:"pid,omitempty"`
	Process string `json:"process,omitempty"`
	Mount   string `json:"mount,omitempty"`
}

// Finding joins a limit or a behaviour with who does it, why we are sure, and
// what helps.
type Finding struct {
	ID           string        `json:"id"`
	Severity     Severity      `json:"severity"`
	Certainty    Certainty     `json:"certainty"`
	Title        string        `json:"title"`
	Explanation  string        `json:"explanation"` // a paragraph on each line; a line that begins with "- " is one of a list
	Causes       []string      `json:"causes"`      // ids of findings in this report that bring this one about
	NetNS        string        `json:"netns,omitempty"`
	Culprits     []Culprit     `json:"culprits"`
	Destinations []Destination `json:"destinations"`
	Evidence     []Evidence    `json:"evidence"`
	Remedies     []Remedy      `json:"remedies"`
}

// Culprit is a process and its part in a finding. Those to blame come first.
type Culprit struct {
	PID          int32          `json:"pid"`
	Process      string         `json:"process"`
	Exe          Optional       `json:"exe"`
	Cmdline      Optional       `json:"cmdline"`
	User         Optional       `json:"user"`
	Unit         Optional       `json:"unit"`
	Container    *Container     `json:"container"`
	NetNS        string         `json:"netns"`
	Runtime      Optional       `json:"runtime"`
	Sockets      int            `json:"sockets"`
	Share        float64        `json:"share"` // of the finding's sockets, 0 to 1
	ByState      map[string]int `json:"by_state"`
	AttributedBy string         `json:"attributed_by"` // "owner", "opener", "connect-events", "accept-events", "failed-calls", "same-destination", "listener"
	Code         []Code         `json:"code"`          // most sockets first; of a leak, first where it grows

	// Code rests on so many stacks, of so many connections or calls that were
	// watched: stacks are sampled. Absent: no stack was taken.
	StacksSampled int `json:"stacks_sampled,omitempty"`
	StacksOf      int `json:"stacks_of,omitempty"`
	// These are Sockets themselves; else other connections that the culprit opened
	// or accepted alike.
	StacksOwn bool `json:"stacks_own,omitempty"`
}

// MarshalJSON writes null for the pid or the name of a culprit where it is not known.
func (c Culprit) MarshalJSON() ([]byte, error) {
	type plain Culprit
	row := struct {
		PID     *int32   `json:"pid"`
		Process Optional `json:"process"`
		plain
	}{plain: plain(c), Process: Optional(c.Process)}
	if c.PID > 0 {
		row.PID = &c.PID
	}
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(row); err != nil {
		return nil, err
	}
	return out.Bytes(), nil
}

// Container names the container of a culprit.
type Container struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	PodUID string `json:"pod_uid,omitempty"`
}

// Code is a line that opened sockets or made calls that failed. Function is null
// where the stacks lead to no line that could be named; then Gap says why.
type Code struct {
	Function Optional   `json:"function"`
	File     Optional   `json:"file"` // as the compiler recorded it
	Line     LineNumber `json:"line"`
	Sockets  int        `json:"sockets"`          // whose own stack was sampled; of calls: how many of those
	Gap      string     `json:"gap,omitempty"`    // "jit", "no frame pointers", …
	Call     string     `json:"call,omitempty"`   // "connect", "accept", "bind", …
	Failed   bool       `json:"failed,omitempty"` // the calls counted are those that failed
	Grew     int        `json:"grew,omitempty"`   // of a leak: of the sockets, new since the first look, when none from here went
}

// MaxCode is how many lines a culprit lists.
const MaxCode = 20

// LineNumber is a line of a source file; 0, unknown, is null in JSON.
type LineNumber int

// MarshalJSON writes null for 0.
func (n LineNumber) MarshalJSON() ([]byte, error) {
	if n == 0 {
		return []byte("null"), nil
	}
	return json.Marshal(int(n))
}

// MaxDestinations is how many destinations a finding lists; one that lists as
// many may have more.
const MaxDestinations = 10

// Destination is a remote end and how many of the finding's sockets go there.
type Destination struct {
	Addr    string `json:"addr"`
	Port    uint16 `json:"port"`
	Sockets int    `json:"sockets"`
}

// Evidence is one fact that makes a finding sure.
type Evidence struct {
	Fact   string  `json:"fact"`
	Value  float64 `json:"value"`
	Source string  `json:"source"` // "sock_diag", "/proc/net/netstat", "tracepoint"…
}

// Remedy is something that helps, best first.
type Remedy struct {
	Kind    string   `json:"kind"` // code, config, kernel or action
	Title   string   `json:"title"`
	Detail  string   `json:"detail"`
	Command Optional `json:"command"` // null: nothing to type
	Effect  string   `json:"effect"`
	Risk    string   `json:"risk"`
}

// BlindSpot is what was not seen, and what would show it.
type BlindSpot struct {
	What   string `json:"what"`
	Why    string `json:"why"`
	Remedy string `json:"remedy"`
}

// Worse reports whether severity a is worse than b.
func Worse(a, b Severity) bool { return a.rank() > b.rank() }
