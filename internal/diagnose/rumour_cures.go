package diagnose

import (
	"slices"
	"strings"

	"sockeye/internal/host"
	"sockeye/internal/knowledge"
)

// cureByWord chooses what helps by what the message tells.
func (x *examination) cureByWord(f *found, sym *host.Symptom) {
	sus := suspicions[f.id]
	cures := slices.Clone(sus.curesOn(f.rumour.os))
	drop := func(id string) { cures = slices.DeleteFunc(cures, func(c string) bool { return c == id }) }
	switch f.id {
	case "conntrack-full":
		if limit, known := x.trackedMost(); known {
			f.values.Capacity, f.values.Limit = limit, limit*2
			cures = slices.Insert(cures, min(1, len(cures)), "raise-conntrack")
		}
	case "neighbour-table-full":
		f.values.Limit, f.values.Wanted = x.neighboursByWord(sym.Example)
	case "accept-queue-overflow", "syn-queue-pressure":
		if sym.Call == "" {
			f.values.Lport = localPort(sym)
		}
		if f.values.Lport == 0 || len(x.spaces) == 0 { // it writes the port into a configuration
			drop("larger-backlog")
		} else {
			f.values.Wanted = x.spaces[0].longerBacklog(0)
		}
	}
	if of, known := curesByManner[f.rumour.manner]; known {
		cures = slices.Clone(of)
	}
	if f.values.Raddr == "" || f.rumour.os != "linux" { // its commands are Linux', and ask for a route to an address
		drop("check-destination")
	}
	if at := slices.Index(cures, "widen-dynamic-ports"); at >= 0 && beforeVista(&x.now.Machine) && !x.foreign(sym) {
		cures[at] = "raise-user-port"
	}
	look := lookAgain(f.rumour.os)
	if f.certainty == Possible { // first see which it is
		f.cures = append([]string{look}, cures...)
	} else {
		f.cures = append(cures, look)
	}
}

// lookAgain is the remedy that tells how to see more on a system.
func lookAgain(os string) string {
	switch os {
	case "linux":
		return "look-again-linux"
	case "windows":
		return "look-again-windows"
	case "darwin", "freebsd":
		return "look-again-bsd"
	}
	return "look-again"
}

// unknownEnd stands in a command where the text names no address.
const unknownEnd = "ADDRESS:PORT"

// harmlessEnd: people copy commands, and a log's words are anybody's.
func harmlessEnd(name string) bool {
	return name != "" && len(name) <= 80 && name[0] != '-' && !strings.ContainsFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(".:[]-_%", r)
	})
}

// rumourValues are what remedies may say where no socket tells.
func (x *examination) rumourValues(sym *host.Symptom) knowledge.Values {
	v := knowledge.Values{Count: sym.Count, Call: sym.Call, Errno: sym.Errno, Lport: localPort(sym),
		Limit: doubled(0)}
	if sym.Call != "bind" && sym.Call != "listen" {
		v.Lport = 0
	}
	v.Dest = unknownEnd
	if sym.Call != "bind" && sym.Call != "listen" && sym.Call != "accept" && len(sym.Endpoints) > 0 && harmlessEnd(sym.Endpoints[0].Name) {
		end := sym.Endpoints[0]
		v.Dest = end.Name
		if end.Addr.IsValid() {
			v.Raddr, v.Rport = end.Addr.Addr().String(), end.Addr.Port()
		} else if _, port, ok := parted(end.Name); ok {
			v.Rport = port
		}
	}
	os := x.systemOfMessage(sym)
	v.Known = host.SystemName(os)
	r, _ := x.usualRange(os)
	v.Low, v.High = r[0], r[1]
	var settings host.Settings
	for _, s := range x.spaces {
		if s.hasRange && !x.foreign(sym) {
			v.Low, v.High, settings = s.low, s.high, s.ns.Settings
		}
	}
	if v.NewLow, v.NewHigh, _ = widerRange(settings, v.Low, v.High); os != "linux" {
		v.NewLow, v.NewHigh = widerShared(v.Low, v.High)
	}
	return v
}
