package tune

import (
	"regexp"
	"strings"

	"sockeye/internal/diagnose"
	"sockeye/internal/host"
	"sockeye/internal/tcp"
)

// portsTold bounds how many ports and ranges a sentence lists.
const portsTold = 12

// The ports that Kubernetes gives to services of the type NodePort unless its API
// server is told otherwise (--service-node-port-range). Packet filters take them,
// and no socket listens on them.
const nodePortLow, nodePortHigh = 30000, 32767

// kubernetes reports whether this is a node of a cluster.
func (m *maker) kubernetes() bool {
	for _, p := range m.in.Snapshot.Processes {
		if p != nil && p.NetNS == m.ns.Inode && (p.Name == "kubelet" || p.Name == "kube-proxy") {
			return true
		}
	}
	return false
}

var reservation = regexp.MustCompile(`ip_local_reserved_ports="([0-9,-]+)"`)

// reserve keeps the ports of services out of what connect() hands out: those that
// are listened on inside of the range, and those that a finding says were taken.
// Inside of the shipped range a listener often is on a port that it got from the
// kernel; such are left out unless the range is made to reach them. UDP takes its
// ports from the same range, and a Snapshot does not say which ones its services have.
func (m *maker) reserve(w *want, low, high, newLow, newHigh uint16) {
	set := m.ns.Settings.ReservedPorts()
	fresh := &host.Ports{}
	if w != nil {
		for i := range m.in.Snapshot.Sockets {
			sk := &m.in.Snapshot.Sockets[i]
			p := sk.Local.Port()
			usual := p >= shippedLow && p <= shippedHigh && p >= low && p <= high
			if sk.NetNS == m.ns.Inode && sk.State == tcp.Listen && p >= newLow && p <= newHigh && !usual && !set.Has(p) {
				fresh.Add(p)
			}
		}
	}
	lost := first(m.want("service-port-taken", diagnose.Notice), m.want("self-connect", diagnose.Notice))
	for _, p := range m.lostPorts() {
		if lost != nil && !set.Has(p) {
			fresh.Add(p)
		}
	}
	if w != nil && m.kubernetes() {
		for p := nodePortLow; p <= nodePortHigh; p++ {
			if p >= int(newLow) && p <= int(newHigh) && !set.Has(uint16(p)) {
				fresh.Add(uint16(p))
			}
		}
	}
	told := strings.Split(portList(fresh), ",")
	if len(told) > portsTold {
		told = append(told[:portsTold], "…")
	}
	n := 0
	for p := 1; p <= 65535; p++ {
		if fresh.Has(uint16(p)) {
			set.Add(uint16(p))
			n++
		}
	}
	if n > 0 {
		m.change(first(lost, w), Change{Setting: reservedName, To: portList(set), Reason: "reserve", Values: Values{Ports: strings.Join(told, ", "), Need: uint64(n)}})
	} else if _, known := m.value(reservedName); known && first(w, lost) != nil && m.ns.Settings[reservedName] != "" {
		m.left(reservedName, "reserved-kept", Values{})
	}
}

// lostPorts are the ports of services that findings propose to reserve: only
// their remedy's command holds them.
func (m *maker) lostPorts() (list []uint16) {
	if m.in.Report == nil {
		return nil
	}
	had := m.ns.Settings.ReservedPorts()
	for i := range m.in.Report.Findings {
		f := &m.in.Report.Findings[i]
		if f.ID != "service-port-taken" && f.ID != "self-connect" || !m.here(f) {
			continue
		}
		for _, r := range f.Remedies {
			at := reservation.FindStringSubmatch(string(r.Command))
			if at == nil || checkPorts(reservedName, at[1]) != nil {
				continue
			}
			wanted := host.Settings{reservedName: at[1]}.ReservedPorts()
			for p := 1; p <= 65535; p++ {
				if wanted.Has(uint16(p)) && !had.Has(uint16(p)) {
					list = append(list, uint16(p))
				}
			}
		}
	}
	return list
}
