package filter

import (
	"path"
	"strconv"
	"strings"
)

type nameField uint8

const (
	process nameField = iota
	container
	unit
	user
	opener
	netns
	dev
	cgroup
	closer
	code
)

var nameFields = map[string]nameField{
	"process": process, "container": container, "unit": unit, "user": user,
	"opener": opener, "netns": netns, "dev": dev, "cgroup": cgroup, "closer": closer, "code": code,
}

var nameNames = [...]string{"process", "container", "unit", "user", "opener", "netns", "dev", "cgroup", "closer", "code"}

// name compares a field that has a name. A socket without one is not selected
// by "=" and "~", and is by their negations.
type name struct {
	field  nameField
	op     op
	value  string
	folded string // value in lower case, for "~"
	number uint64 // value as a number, where the field has one too
	isNum  bool
	parts  []string // of a printed line of code: see partsOf
}

func named(f nameField, o op, value string) name {
	n := name{field: f, op: o, value: value, folded: strings.ToLower(value)}
	switch f {
	case user, opener, netns, dev:
		v, err := strconv.ParseUint(value, 10, 64)
		n.number, n.isNum = v, err == nil
	case code:
		if o == has || o == hasNot {
			n.parts = partsOf(n.folded)
		} else if strings.Contains(value, cut) {
			n.parts = partsOf(value)
		}
	}
	return n
}

func (e name) Match(s *Subject) bool {
	positive := e.op == eq || e.op == has
	return (s.Names != nil && e.selects(s)) == positive
}

func (e name) selects(s *Subject) bool {
	k := s.Socket
	switch e.field {
	case user:
		uid, text, ok := s.Names.User(k)
		return ok && (e.isNum && uint64(uid) == e.number || e.is(text))
	case opener:
		pid, text, ok := s.Names.Opener(k)
		return ok && (e.isNum && uint64(pid) == e.number || e.is(text))
	case netns:
		return e.isNum && k.NetNS == e.number || e.is(s.Names.Namespace(k.NetNS))
	case closer:
		return e.is(string(s.Names.Closer(k)))
	case code:
		return e.isPlace(s.Names.Code(k))
	case dev:
		return k.Iface != 0 && (e.isNum && uint64(k.Iface) == e.number || e.is(s.Names.Interface(k.NetNS, k.Iface)))
	}
	if all := s.sharers(); all != nil {
		for _, pid := range all {
			if e.selectsProcess(s.Names, pid) {
				return true
			}
		}
		return false
	}
	return k.PID != 0 && e.selectsProcess(s.Names, k.PID)
}

// minContainerID is how many characters of a container's id select it: fewer
// would often hit the id of a stranger.
const minContainerID = 4

func (e name) selectsProcess(names Names, pid int32) bool {
	p, ok := names.Process(pid)
	if !ok {
		return false
	}
	switch e.field {
	case process:
		// comm is cut at 15 bytes and threads rename it; the executable's own
		// name is what people know a program by.
		return e.is(p.Name) || p.Exe != "" && e.is(path.Base(p.Exe))
	case container:
		return e.is(p.ContainerName) || len(e.value) >= minContainerID && strings.HasPrefix(p.ContainerID, e.folded)
	case unit:
		return e.is(p.Unit) || e.op != has && e.op != hasNot && e.is(strings.TrimSuffix(p.Unit, ".service"))
	}
	return e.is(p.Cgroup)
}

// is compares one text, never an unknown ("") one.
func (e name) is(text string) bool {
	if text == "" {
		return false
	}
	if e.op == has || e.op == hasNot {
		return containsFold(text, e.folded)
	}
	return text == e.value
}

// containsFold is strings.Contains(strings.ToLower(text), folded), without the
// copy where text is ASCII in lower case already.
func containsFold(text, folded string) bool {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || 'A' <= c && c <= 'Z' {
			return strings.Contains(strings.ToLower(text), folded)
		}
	}
	return strings.Contains(text, folded)
}

func (e name) String() string { return string(e.appendTo(nil, loose)) }
func (e name) appendTo(dst []byte, _ strength) []byte {
	return appendName(appendTerm(dst, nameNames[e.field], e.op), e.value)
}
