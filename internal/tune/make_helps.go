package tune

import "slices"

// plannedFor are the findings that a plan can have a setting for.
var plannedFor = []string{"harmful-setting",
	"port-exhaustion", "bind-port-exhaustion", "port-range-narrow", "short-lived-connections", "service-port-taken", "self-connect", "time-wait-buckets-full",
	"accept-queue-overflow", "syn-queue-pressure", "half-open-connections",
	"orphan-limit", "stuck-closing", "tcp-memory-pressure", "conntrack-full", "neighbour-table-full",
	"fd-exhaustion", "file-table-full",
}

// Helps reports whether there is a setting that helps with a finding, on some machine
// at least: who reads of it is told of the plan.
func Helps(finding string) bool { return slices.Contains(plannedFor, finding) }
