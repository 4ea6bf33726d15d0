package cli

import (
	"slices"
	"strconv"

	"sockeye/internal/host"
)

// asAsked lets the commands of a report enter the network namespace as the user named
// it: by that process, or by that name. The kernel's list of who lives there has
// another process first, which may end sooner and which nobody has heard of.
func asAsked(sn *host.Snapshot, asked string, inspect inspectFunc) {
	if asked == "" || asked == "self" || asked == "all" || len(sn.Namespaces) != 1 || sn.Namespaces[0].Name == asked {
		return
	}
	ns := *sn.Namespaces[0] // two looks may share it
	switch pid, err := strconv.ParseInt(asked, 10, 32); {
	case err == nil:
		p, _ := inspect(int32(pid))
		if p == nil || p.NetNS != ns.Inode { // a name of digits, or it has left since
			return
		}
		ns.Name, ns.PID = "", p.PID
	case ns.Name != "":
		ns.Name = asked // a second name of it
	}
	sn.Namespaces = slices.Clone(sn.Namespaces)
	sn.Namespaces[0] = &ns
}
