package paste

import (
	"bytes"

	"sockeye/internal/paste/conntrack"
	"sockeye/internal/paste/counted"
	"sockeye/internal/paste/form"
	"sockeye/internal/paste/lsof"
	"sockeye/internal/paste/netstat"
	"sockeye/internal/paste/procnet"
	"sockeye/internal/paste/settings"
	"sockeye/internal/paste/ss"
	"sockeye/internal/paste/statistics"
	"sockeye/internal/paste/viewer"
)

// kinds are asked in this order: what says most by its first line comes first.
func kinds() []form.Kind {
	var all []form.Kind
	for _, family := range [][]form.Kind{
		viewer.PowerShellKinds, netstat.BSDKinds, viewer.Kinds, lsof.Kinds, netstat.Kinds, ss.Kinds, procnet.Kinds, conntrack.Kinds, statistics.Kinds, settings.Kinds, counted.Kinds,
	} {
		all = append(all, family...)
	}
	return all
}

var allKinds = kinds() // read-only

// shortest is the length of the shortest line that can begin a text of most kinds.
const shortest = 5

// tooShort says at once no to lines of few bytes, of which texts may have millions:
// only lsof -F begins with less ("p1"), and headings of netstat ("Ip:", "TCP").
func tooShort(line []byte) bool {
	return len(line) < shortest && !lsof.FieldsBegin(line) && !bytes.HasSuffix(line, []byte(":")) && string(line) != "TCP"
}

// begunBy is the kind that a line begins, nil when it begins none.
func begunBy(line []byte) *form.Kind {
	if tooShort(line) {
		return nil
	}
	return form.KindOf(allKinds, line)
}
