package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"sockeye/internal/tcp"
	"sockeye/internal/tcp/filter"
)

// field is something that sockets can be sorted and counted by.
type field struct {
	name  string
	value func(*view, *tcp.Socket) value
	// order, where set, sorts by something else than what is shown.
	order func(*view, *tcp.Socket) value
	// label, where set, is what people are shown; JSON has the value.
	label func(*view, value) string
	count bool // sensible to count by
}

var stateOrder = func() (place [tcp.NumStates]uint64) {
	for i, s := range tcp.States() {
		place[s] = uint64(i)
	}
	place[tcp.Unknown] = uint64(len(tcp.States()))
	return place
}()

// fields are in the order of the help text.
var fields = []field{
	{name: "state", count: true,
		value: func(_ *view, s *tcp.Socket) value { return textValue(s.State.String()) },
		order: func(_ *view, s *tcp.Socket) value { return numberValue(stateOrder[s.State%tcp.NumStates], true) }},
	{name: "process", count: true, value: func(v *view, s *tcp.Socket) value {
		if p := v.process(s); p != nil {
			return textValue(p.Name)
		}
		return value{}
	}},
	{name: "pid", count: true, value: func(_ *view, s *tcp.Socket) value { return numberValue(uint64(max(0, s.PID)), s.PID > 0) }},
	{name: "container", count: true, value: func(v *view, s *tcp.Socket) value { return textValue(v.container(s)) }},
	{name: "unit", count: true, value: func(v *view, s *tcp.Socket) value {
		if p := v.process(s); p != nil {
			return textValue(p.Unit)
		}
		return value{}
	}},
	{name: "user", count: true, value: func(v *view, s *tcp.Socket) value { return textValue(v.userText(s)) }},
	{name: "netns", count: true,
		value: func(_ *view, s *tcp.Socket) value {
			if s.NetNS == 0 {
				return value{}
			}
			return value{kind: serial, n: s.NetNS}
		},
		label: func(v *view, x value) string { return v.Namespace(x.n) }},
	{name: "laddr", count: true, value: func(_ *view, s *tcp.Socket) value { return addrValue(addrOnly(s.Local)) }},
	{name: "lport", count: true, value: func(_ *view, s *tcp.Socket) value {
		return numberValue(uint64(s.Local.Port()), s.Local.Port() != 0)
	}},
	{name: "raddr", count: true, value: func(_ *view, s *tcp.Socket) value { return addrValue(addrOnly(s.Remote)) }},
	{name: "rport", count: true, value: func(_ *view, s *tcp.Socket) value {
		return numberValue(uint64(s.Remote.Port()), s.Remote.Port() != 0)
	}},
	{name: "src", count: true, value: func(_ *view, s *tcp.Socket) value { return endValue(s.Local) }},
	{name: "dst", count: true, value: func(_ *view, s *tcp.Socket) value { return endValue(s.Remote) }},
	{name: "timer", count: true, value: func(_ *view, s *tcp.Socket) value { return textValue(s.Timer.Kind.String()) }},
	{name: "family", count: true, value: func(_ *view, s *tcp.Socket) value {
		switch {
		case s.Local.Addr().Is4():
			return textValue("ipv4")
		case s.Local.Addr().Is6():
			return textValue("ipv6")
		}
		return value{}
	}},
	{name: "opener", count: true, value: func(v *view, s *tcp.Socket) value {
		_, name, _ := v.Opener(s)
		return textValue(name)
	}},
	{name: "opener-pid", count: true, value: func(v *view, s *tcp.Socket) value {
		pid, _, ok := v.Opener(s)
		return numberValue(uint64(max(0, pid)), ok)
	}},
	{name: "closer", count: true, value: func(v *view, s *tcp.Socket) value { return textValue(string(v.Closer(s))) }},
	{name: "code", count: true,
		value: func(v *view, s *tcp.Socket) value { return codeValue(v.openerOf(s)) },
		label: func(_ *view, x value) string { return string(appendCode(nil, x)) }},
	{name: "recvq", value: func(_ *view, s *tcp.Socket) value { return numberValue(uint64(s.RecvQ), true) }},
	{name: "sendq", value: func(_ *view, s *tcp.Socket) value { return numberValue(uint64(s.SendQ), true) }},
	{name: "age", value: func(v *view, s *tcp.Socket) value {
		d, ok := v.Age(s)
		return numberValue(uint64(max(0, d)), ok)
	}},
	{name: "expires", value: func(_ *view, s *tcp.Socket) value {
		return numberValue(uint64(max(0, s.Timer.Expires)), s.Timer.Kind != tcp.TimerOff)
	}},
	{name: "rtt", value: func(_ *view, s *tcp.Socket) value {
		if s.Info == nil {
			return value{}
		}
		return numberValue(uint64(max(0, s.Info.RTT)), true)
	}},
	{name: "retrans", value: func(_ *view, s *tcp.Socket) value {
		if s.Info == nil {
			return value{}
		}
		return numberValue(uint64(s.Info.Retrans), true)
	}},
	{name: "inode", value: func(_ *view, s *tcp.Socket) value { return numberValue(s.Inode, s.Inode != 0) }},
	{name: "cookie", value: func(_ *view, s *tcp.Socket) value { return numberValue(s.Cookie, s.Cookie != 0) }},
}

func addrOnly(a netip.AddrPort) netip.AddrPort { return netip.AddrPortFrom(a.Addr(), 0) }

func endValue(a netip.AddrPort) value {
	if !a.Addr().IsValid() {
		return value{}
	}
	return value{kind: endpoint, addr: a}
}

// container is the name of the holder's container, else its id as engines
// shorten it.
func (v *view) container(s *tcp.Socket) string {
	p := v.process(s)
	if p == nil || p.Container == nil {
		return ""
	}
	if p.Container.Name != "" {
		return p.Container.Name
	}
	return p.Container.ID[:min(12, len(p.Container.ID))]
}

func (v *view) userText(s *tcp.Socket) string {
	uid, name, ok := v.User(s)
	if ok && name == "" {
		return strconv.FormatUint(uint64(uid), 10)
	}
	return name
}

// fieldNames lists the fields, those to count by or all.
func fieldNames(countable bool) []string {
	var names []string
	for _, f := range fields {
		if f.count || !countable {
			names = append(names, f.name)
		}
	}
	return names
}

// findField reads the name of a field for a flag.
func findField(flag, name string, countable bool) (field, error) {
	name = strings.TrimSpace(name)
	names := fieldNames(countable)
	if i := slices.Index(names, strings.ToLower(name)); i >= 0 {
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == names[i] })
		return fields[at], nil
	}
	hint := "--" + flag + " takes " + strings.Join(names, ", ")
	if near := filter.Nearest(name, names); near != "" {
		hint = "did you mean " + near + "? " + hint
	}
	return field{}, usage(fmt.Errorf("--%s: unknown field %q", flag, name), hint)
}

// sortKeys reads --sort: "state,-lport".
func sortKeys(text string) ([]sortKey, error) {
	if text == "" {
		return nil, nil
	}
	var keys []sortKey
	for name := range strings.SplitSeq(text, ",") {
		name, down := strings.CutPrefix(strings.TrimSpace(name), "-")
		f, err := findField("sort", name, false)
		if err != nil {
			return nil, err
		}
		if f.order != nil {
			f.value = f.order
		}
		keys = append(keys, sortKey{f, down})
	}
	return keys, nil
}

func keyNames(keys []sortKey) []string {
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.name
	}
	return names
}
