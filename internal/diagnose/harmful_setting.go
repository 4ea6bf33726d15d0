package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"sockeye/internal/knowledge"
)

// The range of local ports that Linux ships with, and the port below which only
// a lowered ip_unprivileged_port_start lets it begin.
const (
	defaultLow  = 32768
	defaultHigh = 60999
	firstFree   = 1024
)

// finTimeout is the default of tcp_fin_timeout in seconds.
const finTimeout = 60

// badSetting is a setting that is not as it should be.
type badSetting struct {
	key    string // of the evidence
	name   string // of the setting
	value  string // what it is
	wanted string
	number float64
	mild   bool   // does no harm, but not what people set it for either
	path   string // of the registry's key, "" for sysctl
	// doubted: on Windows before Vista it does its work, and which one this is the
	// text does not tell.
	doubted bool
	values  knowledge.Values
}

// harmfulSetting: settings of this machine that advice from the web gets wrong,
// each with the reason. One finding for each namespace in which something runs: of
// all namespaces of a machine the empty ones harm nobody. One that was asked for by
// its name is judged as it is, for whatever will run there.
func harmfulSetting(x *examination) []*found {
	var out []*found
	memoryTold := false
	for _, s := range x.spaces {
		inUse := x.pasted() || x.named || s.ns.Self || s.ns.Inode == x.now.Machine.InitialNetNS
		for _, n := range s.byState {
			inUse = inUse || n > 0
		}
		if !inUse {
			continue
		}
		bad := append(s.badSettings(), s.badRegistry(&x.now.Machine)...)
		if !memoryTold && (s.ns.Self || s.ns.Inode == x.now.Machine.InitialNetNS) {
			bad, memoryTold = append(bad, x.badMemory()...), true // one for the whole machine
		}
		if len(bad) == 0 {
			continue
		}
		out = append(out, settingsFound(s, bad))
	}
	return out
}

func settingsFound(s *space, bad []badSetting) *found {
	f := &found{id: "harmful-setting", ns: s.ns.Inode, wide: true, severity: Notice, certainty: Proven}
	slices.SortStableFunc(bad, func(a, b badSetting) int { return cmp.Compare(weight(a), weight(b)) })
	f.values = knowledge.Values{Count: uint64(len(bad)), Setting: bad[0].name, Value: bad[0].value}
	var wanted []string
	for _, b := range bad {
		if !b.mild {
			f.values.Other++
		}
		v := b.values
		v.Setting, v.Value, v.Wanted = b.name, b.value, b.wanted
		source := "/proc/sys/" + strings.ReplaceAll(b.name, ".", "/")
		if b.path != "" {
			source = b.path + `\` + b.name
		}
		f.facts = append(f.facts, fact{key: b.key, value: b.number, source: source, values: &v})
		if b.wanted != "" {
			wanted = append(wanted, b.name+"="+b.wanted)
		}
	}
	f.inRegistry(bad)
	if f.values.Names, f.values.Unset = toRestore(bad); f.values.Names != "" {
		f.values.Wanted = strings.Join(wanted, " ")
		f.cures = append(f.cures, "restore-settings")
	}
	if slices.ContainsFunc(bad, func(b badSetting) bool { return b.key == "range-covers" }) {
		f.cures = append(f.cures, "reserve-listened-ports")
		f.values.Ports = s.withReserved(s.coveredPorts())
	}
	return f
}

// inRegistry adds what is to be said of the registry's values among those.
func (f *found) inRegistry(bad []badSetting) {
	sysctl := func(b badSetting) bool { return b.path == "" }
	sure := slices.DeleteFunc(slices.Clone(bad), func(b badSetting) bool { return sysctl(b) || b.doubted })
	switch {
	case bad[0].doubted: // and so are all
		f.values.Kind, f.certainty = "doubted", Possible
	case !slices.ContainsFunc(bad, sysctl):
		f.values.Kind, f.values.Count = "registry", uint64(len(sure))
	}
	if len(sure) == 0 {
		return
	}
	f.cures = append(f.cures, "remove-registry-value")
	f.values.Path, f.values.Known = sure[0].path, sure[0].name
	var others []string
	for _, b := range sure[1:] {
		if b.path != sure[0].path {
			b.name += " (" + b.path + ")"
		}
		others = append(others, b.name)
	}
	f.values.Others = strings.Join(others, ", ")
}

// toRestore names the settings of sysctl that are to be set back: all of them as a
// pattern for grep, and those that have no fixed value to be set back to.
func toRestore(bad []badSetting) (pattern, unset string) {
	var names, open []string
	for _, b := range bad {
		if b.mild || b.path != "" || b.key == "range-covers" {
			continue
		}
		names = append(names, b.name[strings.LastIndexByte(b.name, '.')+1:])
		if b.wanted == "" {
			open = append(open, b.name)
		}
	}
	return strings.Join(names, "|"), strings.Join(open, ", ")
}

// weight puts what does harm before what does nothing, and last what may do its work.
func weight(b badSetting) int {
	switch {
	case b.doubted:
		return 2
	case b.mild:
		return 1
	}
	return 0
}

func (s *space) badSettings() []badSetting {
	var bad []badSetting
	is := func(name string, wrong int64, key, wanted string) {
		if v, ok := s.ns.Settings.Int(name); ok && v == wrong {
			bad = append(bad, badSetting{key: key, name: name, value: fmt.Sprint(v), wanted: wanted, number: float64(v)})
		}
	}
	is("net.ipv4.tcp_tw_recycle", 1, "tw-recycle", "0")
	is("net.ipv4.tcp_timestamps", 0, "timestamps", "1")
	is("net.ipv4.tcp_syncookies", 0, "syncookies", "1")
	is("net.ipv4.tcp_abort_on_overflow", 1, "abort-on-overflow", "0")
	bad = append(bad, s.badBuckets()...)
	bad = append(bad, s.badRange()...)
	if v, ok := s.ns.Settings.Int("net.ipv4.tcp_fin_timeout"); ok && v > 0 && v < finTimeout {
		bad = append(bad, badSetting{key: "fin-timeout", name: "net.ipv4.tcp_fin_timeout", value: fmt.Sprint(v),
			number: float64(v), mild: true})
	}
	return bad
}

// badBuckets: tcp_max_tw_buckets below what the kernel sets by itself. Where
// that is not told (before Linux 6.1) a number that is no power of two was set
// by hand; only the small ones of the guides are taken for lowered then.
func (s *space) badBuckets() []badSetting {
	const name = "net.ipv4.tcp_max_tw_buckets"
	v, ok := s.ns.Settings.Int(name)
	if !ok || v < 0 {
		return nil
	}
	b := badSetting{key: "tw-buckets", name: name, value: fmt.Sprint(v), number: float64(v)}
	own, known := s.defaultBuckets()
	switch {
	case known && uint64(v) < own:
		b.wanted = fmt.Sprint(own)
	case !known && v <= 20000 && v&(v-1) != 0:
	default:
		return nil
	}
	b.values.Limit = own
	return []badSetting{b}
}

// badRange: the range of local ports begins among the ports of services, or was
// widened over ports that are listened on and not reserved.
func (s *space) badRange() []badSetting {
	const name = "net.ipv4.ip_local_port_range"
	if s.rangeBy != rangeOfLinux {
		return nil
	}
	b := badSetting{key: "range-covers", name: name, value: fmt.Sprintf("%d %d", s.low, s.high), number: float64(s.low)}
	b.values.Low, b.values.High = s.low, s.high
	if s.low < firstFree {
		b.key = "range-low"
		return []badSetting{b}
	}
	ports := s.coveredPorts()
	if len(ports) == 0 {
		return nil
	}
	var covered []string
	for _, p := range ports[:min(len(ports), 8)] {
		covered = append(covered, fmt.Sprint(p))
	}
	if len(ports) > 8 {
		covered = append(covered, "…")
	}
	b.values.Count, b.values.Known, b.values.Lport = uint64(len(ports)), strings.Join(covered, ", "), ports[0]
	b.number = float64(len(ports))
	return []badSetting{b}
}

// coveredPorts are the ports that are listened on, lie in the range and are not
// reserved. Inside the default range listeners are often on a port that the
// kernel chose; those are left out.
func (s *space) coveredPorts() []uint16 {
	ports := make([]uint16, 0, len(s.listening))
	for port := range s.listening {
		if s.ephemeral(port) && (port < defaultLow || port > defaultHigh) && !s.reserved.Has(port) {
			ports = append(ports, port)
		}
	}
	slices.Sort(ports)
	return ports
}

// withReserved lists ports after those that are reserved already, as
// ip_local_reserved_ports takes them.
func (s *space) withReserved(ports []uint16) string {
	var list []string
	if had := strings.TrimSpace(s.ns.Settings["net.ipv4.ip_local_reserved_ports"]); had != "" {
		list = append(list, had)
	}
	for _, p := range ports {
		list = append(list, fmt.Sprint(p))
	}
	return strings.Join(list, ",")
}

// badMemory: tcp_mem counts pages; written as bytes it is more than the machine
// has and limits nothing.
func (x *examination) badMemory() []badSetting {
	const name = "net.ipv4.tcp_mem"
	sys := &x.now.System
	mem := sys.Settings.Ints(name)
	if len(mem) != 3 || !sys.Memory.Total.Known || sys.PageSize == 0 || mem[2] <= 0 {
		return nil
	}
	if uint64(mem[2]) <= sys.Memory.Total.Value/sys.PageSize {
		return nil
	}
	b := badSetting{key: "mem-bytes", name: name, value: strings.Join(strings.Fields(sys.Settings[name]), " "), number: float64(mem[2])}
	b.values.Capacity = sys.Memory.Total.Value
	b.values.Count = uint64(mem[2])
	return []badSetting{b}
}
