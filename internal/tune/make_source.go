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
	"syn-queue-pressure": "filter-upstream", "time-wait-buckets-full": "reuse-connections", "orphan-limit": "close-gently",
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
// first, and says of which no setting helps at all. A cause and its consequence
// that have the same cure are told once, and so is a finding that comes in several
// places.
func (m *maker) atSource() {
	told := map[string]bool{}
	if m.in.Report != nil && m.in.Profile == "" {
		for i := range m.in.Report.Findings {
			f := &m.in.Report.Findings[i]
			if !m.here(f) || m.in.For != "" && f.ID != m.in.For || f.ID == "harmful-setting" {
				continue
			}
			told[f.ID] = true
			if m.goesWith(f) || m.servedHere(f) {
				continue
			}
			at := slices.IndexFunc(f.Remedies, func(r diagnose.Remedy) bool { return r.Kind != "kernel" })
			if at < 0 || m.toldBefore(f, &f.Remedies[at]) {
				continue
			}
			m.plan.AtSource = append(m.plan.AtSource, AtSource{Finding: f.ID, Title: f.Title, Helped: m.helped(f.ID), Only: m.only(f.ID), Remedy: &f.Remedies[at]})
		}
	}
	if id := m.in.For; id != "" && !told[id] && cures[id] != "" {
		m.plan.AtSource = append(m.plan.AtSource, AtSource{Finding: id, Helped: m.helped(id), Only: m.only(id), Cure: cures[id]})
	}
}

// helped reports whether a setting is planned for a finding, or for what it
// brings about.
func (m *maker) helped(id string) bool {
	serves := func(c Change) bool { return c.Finding == id || m.brings(id, c.Finding) }
	return slices.ContainsFunc(m.plan.Changes, serves) || slices.ContainsFunc(m.plan.ByHand, serves)
}

// goesWith reports whether a finding is only what another one brings about for
// which a setting is planned: it ends with its cause, and has no cure of its own.
func (m *maker) goesWith(f *diagnose.Finding) bool {
	return f.ID != m.in.For && !m.helped(f.ID) && slices.ContainsFunc(f.Causes, func(cause string) bool {
		return slices.ContainsFunc(m.plan.Changes, func(c Change) bool { return c.Finding == cause })
	})
}

// servedHere reports whether a finding only says of another program's full queue on
// this machine what that queue's finding says: nothing is to be asked at the
// destination then. diagnose names that cause only where it saw that queue.
func (m *maker) servedHere(f *diagnose.Finding) bool {
	const queue = "accept-queue-overflow"
	return f.ID == "unreachable-destination" && f.ID != m.in.For && slices.Contains(f.Causes, queue) &&
		slices.ContainsFunc(m.in.Report.Findings, func(c diagnose.Finding) bool { return c.ID == queue && m.here(&c) })
}

// settled are findings that a setting cures, where for others it only puts them off.
var settled = []string{"time-wait-buckets-full", "neighbour-table-full", "port-range-narrow", "service-port-taken", "self-connect"}

// Cured reports whether the plan's settings are the cure of a finding.
func (a AtSource) Cured() bool { return a.Helped && slices.Contains(settled, a.Finding) }

// calm are findings for which there is a setting, though not one that is worth a
// change at every severity.
var calm = []string{"short-lived-connections", "half-open-connections", "stuck-closing", "fd-exhaustion"}

// heldUp are reasons to leave a setting that helps with a finding already, or would
// with a restart of the program: of such a finding nobody says that no setting helps.
var heldUp = map[string][]string{
	"port-exhaustion":       {"tw-reuse-on", "tw-reuse-waits"},
	"accept-queue-overflow": {"backlog-of-program"},
	"syn-queue-pressure":    {"backlog-of-program"},
}

// only reports whether no setting of the system helps.
func (m *maker) only(id string) bool {
	return !m.helped(id) && !slices.Contains(calm, id) &&
		!slices.ContainsFunc(m.plan.Left, func(l Left) bool { return slices.Contains(heldUp[id], l.Reason) })
}

// brings reports whether one finding is a cause of another.
func (m *maker) brings(cause, effect string) bool {
	return m.in.Report != nil && slices.ContainsFunc(m.in.Report.Findings, func(f diagnose.Finding) bool {
		return f.ID == effect && m.here(&f) && slices.Contains(f.Causes, cause)
	})
}

func (m *maker) toldBefore(f *diagnose.Finding, r *diagnose.Remedy) bool {
	return slices.ContainsFunc(m.plan.AtSource, func(a AtSource) bool {
		return a.Remedy != nil && a.Remedy.Title == r.Title && a.Remedy.Command == r.Command &&
			(a.Finding == f.ID || m.brings(f.ID, a.Finding) || m.brings(a.Finding, f.ID))
	})
}
