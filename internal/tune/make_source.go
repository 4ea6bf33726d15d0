package tune

import (
	"slices"

	"sockeye/internal/diagnose"
)

// cures names, for each finding, the remedy at its source: who plans for a
// finding that is not there is told of it all the same. "" where only the system
// can help.
var cures = map[string]string{
	"port-exhaustion": "reuse-connections", "bind-port-exhaustion": "no-port-at-bind", "port-range-narrow": "",
	"fd-exhaustion": "find-open-files", "file-table-full": "find-open-files", "accept-queue-overflow": "accept-faster",
	"syn-queue-pressure": "accept-faster", "time-wait-buckets-full": "reuse-connections", "orphan-limit": "close-gently",
	"tcp-memory-pressure": "bound-buffers", "conntrack-full": "", "neighbour-table-full": "fewer-neighbours",
	"nonpaged-pool": "find-pool-tag", "memory-or-disk-low": "free-memory",
	"short-lived-connections": "reuse-connections", "close-wait-leak": "close-connections", "never-accepted": "accept-faster",
	"fin-wait-2-held": "read-until-eof", "unreachable-destination": "connect-timeout", "connection-scan": "find-scanner",
	"retry-storm": "backoff", "half-open-connections": "enable-keepalive", "connection-leak": "close-connections",
	"unconnected-socket-leak": "close-on-error", "slow-reader": "read-in-time", "slow-peer": "write-deadline",
	"stuck-closing": "close-gently", "address-in-use": "reuse-address", "service-port-taken": "", "self-connect": "detect-self-connect",
	"linger-reset": "no-linger-zero", "application-cap": "share-server-connections", "nat-exhaustion": "reuse-connections",
	"udp-port-exhaustion": "share-udp-socket", "proxied-twice": "no-userland-proxy", "blocked-by-policy": "find-policy",
	"excluded-port-range": "use-other-port", "address-not-local": "bind-existing-address", "time-wait-stuck": "update-and-restart",
	"suspicious-process": "examine-program", "harmful-setting": "",
}

// Knows reports whether a plan can be made for a finding.
func Knows(finding string) bool { _, ok := cures[finding]; return ok }

// atSource lists the findings that a program's code or configuration cures, worst
// first, and says of which no setting helps at all.
func (m *maker) atSource() {
	helped := func(id string) bool {
		is := func(c Change) bool { return c.Finding == id }
		return slices.ContainsFunc(m.plan.Changes, is) || slices.ContainsFunc(m.plan.ByHand, is)
	}
	told := map[string]bool{}
	if m.in.Report != nil && m.in.Profile == "" {
		for i := range m.in.Report.Findings {
			f := &m.in.Report.Findings[i]
			if !m.here(f) || m.in.For != "" && f.ID != m.in.For || f.ID == "harmful-setting" {
				continue
			}
			at := slices.IndexFunc(f.Remedies, func(r diagnose.Remedy) bool { return r.Kind != "kernel" })
			if at < 0 {
				told[f.ID] = told[f.ID] || helped(f.ID)
				continue
			}
			told[f.ID] = true
			m.plan.AtSource = append(m.plan.AtSource, AtSource{Finding: f.ID, Title: f.Title, Only: !helped(f.ID), Remedy: &f.Remedies[at]})
		}
	}
	if id := m.in.For; id != "" && !told[id] && cures[id] != "" {
		m.plan.AtSource = append(m.plan.AtSource, AtSource{Finding: id, Only: !helped(id), Cure: cures[id]})
	}
}
