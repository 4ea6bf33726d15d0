package tune

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"sockeye/internal/host"
)

// Scope says whose a setting is.
type Scope string

// Scopes.
const (
	Namespace Scope = "namespace" // each network namespace has its own
	Host      Scope = "host"      // the kernel has one
)

// Setting is a setting that may be changed.
type Setting struct {
	Name  string // as sysctl writes it
	Scope Scope
	check func(fields []int64) error // of the numbers of a value; nil: any
	words int                        // how many numbers a value has
	ports bool                       // a list of ports and ranges
}

// settings are all that may ever be written (Documentation/networking/ip-sysctl.rst,
// nf_conntrack-sysctl.rst and admin-guide/sysctl/{net,fs}.rst, v6.18). The bounds
// are the kernel's own or narrower: what lies outside of them harms.
var settings = table([]Setting{
	{Name: "net.ipv4.ip_local_port_range", words: 2, check: portRange},
	{Name: "net.ipv4.ip_local_reserved_ports", ports: true},
	{Name: "net.ipv4.tcp_tw_reuse", words: 1, check: between(0, 2)},
	{Name: "net.ipv4.tcp_tw_reuse_delay", words: 1, check: between(1, 60_000)},
	{Name: "net.ipv4.tcp_max_tw_buckets", words: 1, check: between(1, 16<<20)},
	{Name: "net.ipv4.tcp_fin_timeout", words: 1, check: between(1, 3600)},
	{Name: "net.ipv4.tcp_orphan_retries", words: 1, check: between(0, 15)},
	// Of these only the way back is ever written.
	{Name: "net.ipv4.tcp_tw_recycle", words: 1, check: between(0, 0)}, // gone since Linux 4.12
	{Name: "net.ipv4.tcp_syncookies", words: 1, check: between(1, 2)},
	{Name: "net.ipv4.tcp_timestamps", words: 1, check: between(1, 2)},
	{Name: "net.ipv4.tcp_abort_on_overflow", words: 1, check: between(0, 0)},
	{Name: "net.core.somaxconn", words: 1, check: between(1, 1<<20)},
	{Name: "net.ipv4.tcp_keepalive_time", words: 1, check: between(1, 32767)},
	{Name: "net.ipv4.tcp_keepalive_intvl", words: 1, check: between(1, 32767)},
	{Name: "net.ipv4.tcp_keepalive_probes", words: 1, check: between(1, 127)},
	{Name: "net.ipv4.tcp_retries2", words: 1, check: between(1, 255)},
	{Name: "net.ipv4.tcp_rmem", words: 3, check: rising(1)},
	{Name: "net.ipv4.tcp_wmem", words: 3, check: rising(1)},
	{Name: "net.netfilter.nf_conntrack_tcp_timeout_time_wait", words: 1, check: between(1, 432_000)},
	{Name: "net.netfilter.nf_conntrack_tcp_timeout_close_wait", words: 1, check: between(1, 432_000)},

	{Name: "net.ipv4.tcp_max_orphans", Scope: Host, words: 1, check: between(1, 4<<20)},
	{Name: "net.ipv4.tcp_mem", Scope: Host, words: 3, check: rising(1)},
	{Name: "net.netfilter.nf_conntrack_max", Scope: Host, words: 1, check: between(1, 64<<20)},
	{Name: "net.netfilter.nf_conntrack_buckets", Scope: Host, words: 1, check: between(1, 16<<20)},
	{Name: "net.ipv4.neigh.default.gc_thresh1", Scope: Host, words: 1, check: between(0, 1<<24)},
	{Name: "net.ipv4.neigh.default.gc_thresh2", Scope: Host, words: 1, check: between(1, 1<<24)},
	{Name: "net.ipv4.neigh.default.gc_thresh3", Scope: Host, words: 1, check: between(1, 1<<24)},
	{Name: "net.ipv6.neigh.default.gc_thresh1", Scope: Host, words: 1, check: between(0, 1<<24)},
	{Name: "net.ipv6.neigh.default.gc_thresh2", Scope: Host, words: 1, check: between(1, 1<<24)},
	{Name: "net.ipv6.neigh.default.gc_thresh3", Scope: Host, words: 1, check: between(1, 1<<24)},
	{Name: "fs.file-max", Scope: Host, words: 1, check: between(8192, math.MaxInt64)},
	{Name: "fs.nr_open", Scope: Host, words: 1, check: between(1024, 1<<30)},
})

func table(list []Setting) map[string]Setting {
	all := make(map[string]Setting, len(list))
	for _, s := range append(list, systemSettings()...) {
		if s.Scope == "" {
			s.Scope = Namespace
		}
		all[s.Name] = s
	}
	return all
}

// Lookup returns a setting of the table.
func Lookup(name string) (Setting, bool) {
	s, ok := settings[name]
	return s, ok
}

// Check reports what is wrong with a value: its form, or a bound.
func (s Setting) Check(value string) error {
	numbers, err := s.read(value)
	if err != nil || s.ports {
		return err
	}
	if err := s.check(numbers); err != nil {
		return fmt.Errorf("%s = %s: %w", s.Name, value, err)
	}
	return nil
}

// form reports what is wrong with the form of a value. It may lie out of bounds: what
// was set before somebody changed it may have been bad, and is put back all the same.
// A value of the registry that is not there is "".
func (s Setting) form(value string) error {
	if value == "" && strings.HasPrefix(s.Name, "windows.") {
		return nil
	}
	_, err := s.read(value)
	return err
}

// read takes a value apart; the numbers are nil of a list of ports.
func (s Setting) read(value string) ([]int64, error) {
	if len(value) > valueMax {
		return nil, fmt.Errorf("%s: a value of %d bytes is too long", s.Name, len(value))
	}
	if s.ports {
		return nil, checkPorts(s.Name, value)
	}
	if i := strings.IndexFunc(value, func(r rune) bool { return r != ' ' && r != '\t' && (r < '-' || r > '9') }); i >= 0 {
		return nil, fmt.Errorf("%s takes numbers, not %q", s.Name, value) // above all no line end
	}
	words := strings.Fields(value)
	if len(words) != s.words {
		return nil, fmt.Errorf("%s takes %d numbers, not %q", s.Name, s.words, value)
	}
	numbers := make([]int64, len(words))
	for i, w := range words {
		n, err := strconv.ParseInt(w, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s takes numbers, not %q", s.Name, value)
		}
		numbers[i] = n
	}
	return numbers, nil
}

// valueMax bounds a value, in bytes: a long list of reserved ports.
const valueMax = 64 << 10

func between(least, most int64) func([]int64) error {
	return func(n []int64) error {
		if n[0] < least || n[0] > most {
			return fmt.Errorf("must be from %d to %d", least, most)
		}
		return nil
	}
}

// rising: minimum, default and maximum, or low, pressure and high.
func rising(least int64) func([]int64) error {
	return func(n []int64) error {
		if n[0] < least || n[1] < n[0] || n[2] < n[1] {
			return fmt.Errorf("must rise, from %d at least", least)
		}
		return nil
	}
}

// portRange: the kernel wants the bounds of different parity, and warns else.
func portRange(n []int64) error {
	switch {
	case n[0] < 1024 || n[1] > 65535 || n[0] >= n[1]:
		return fmt.Errorf("must rise, from 1024 to 65535")
	case n[0]%2 == n[1]%2:
		return fmt.Errorf("one bound must be odd and the other even")
	}
	return nil
}

func checkPorts(name, value string) error {
	if _, err := portsOf(value); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

// portsOf reads a list of ports and ranges.
func portsOf(value string) (*host.Ports, error) {
	var set host.Ports
	if value = strings.Trim(value, " \t"); value == "" { // not other white space: a value ends up in a file
		return &set, nil
	}
	for part := range strings.SplitSeq(value, ",") {
		from, to, isRange := strings.Cut(part, "-")
		if !isRange {
			to = from
		}
		a, err1 := strconv.ParseUint(from, 10, 16)
		b, err2 := strconv.ParseUint(to, 10, 16)
		if err1 != nil || err2 != nil || a == 0 || a > b {
			return nil, fmt.Errorf("ports and ranges like 8080,9148-9150, not %q", part)
		}
		for port := a; port <= b; port++ {
			set.Add(uint16(port))
		}
	}
	return &set, nil
}

// same reports whether two values of a setting mean the same: the kernel prints
// tabs between numbers that were written with spaces, and joins ports into ranges.
func (s Setting) same(a, b string) bool {
	if s.ports {
		x, err1 := portsOf(a)
		y, err2 := portsOf(b)
		return err1 == nil && err2 == nil && *x == *y
	}
	return strings.Join(strings.Fields(a), " ") == strings.Join(strings.Fields(b), " ")
}

// same is that of the setting with this name.
func same(setting, a, b string) bool { return settings[setting].same(a, b) }
