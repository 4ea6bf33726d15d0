package diagnose

import (
	"slices"

	"sockeye/internal/host"
)

// suspicion is what a finding is when an error message is all that tells of it.
// Its words are "candidate.ID.name", ".what" and ".tell".
type suspicion struct {
	severity Severity // where the message can mean nothing else
	limit    bool     // something is used up: a message beside a table that shows it proves it
	names    bool     // the message itself says what was used up
	victim   bool     // who logs the message suffers from it, and did not bring it about
	cures    []string // on any system
	linux    []string // further ones there
	windows  []string
	bsd      []string // macOS and FreeBSD
}

// suspicions are the findings that messages can lead to.
var suspicions = map[string]suspicion{
	"port-exhaustion": {severity: Critical, limit: true, cures: []string{"reuse-connections"},
		linux: []string{"widen-port-range"}, windows: []string{"widen-dynamic-ports"}, bsd: []string{"widen-port-range-bsd"}},
	"bind-port-exhaustion": {severity: Critical, limit: true, cures: []string{"reuse-connections"},
		linux: []string{"no-port-at-bind", "widen-port-range"}, windows: []string{"widen-dynamic-ports"}, bsd: []string{"widen-port-range-bsd"}},
	"fd-exhaustion": {severity: Critical, limit: true, names: true, cures: []string{"close-connections"},
		linux: []string{"find-open-files", "raise-fd-limit"}},
	"file-table-full":         {severity: Critical, limit: true, names: true, linux: []string{"find-open-files"}},
	"accept-queue-overflow":   {severity: Warning, limit: true, names: true, cures: []string{"accept-faster", "larger-backlog"}},
	"syn-queue-pressure":      {severity: Notice, cures: []string{"accept-faster", "larger-backlog"}},
	"time-wait-buckets-full":  {severity: Warning, limit: true, names: true, cures: []string{"reuse-connections"}},
	"orphan-limit":            {severity: Warning, limit: true, names: true, linux: []string{"orphan-retries"}},
	"tcp-memory-pressure":     {severity: Critical, limit: true, names: true, cures: []string{"bound-buffers"}},
	"conntrack-full":          {severity: Critical, limit: true, names: true, cures: []string{"reuse-connections"}, linux: []string{"shorter-conntrack"}},
	"neighbour-table-full":    {severity: Critical, limit: true, names: true, linux: []string{"raise-neighbours", "fewer-neighbours"}},
	"nonpaged-pool":           {severity: Critical, limit: true, names: true, cures: []string{"find-pool-tag"}},
	"memory-or-disk-low":      {severity: Warning, limit: true, names: true},
	"udp-port-exhaustion":     {severity: Warning, limit: true, names: true, cures: []string{"share-udp-socket"}, windows: []string{"widen-dynamic-ports"}},
	"port-range-narrow":       {severity: Notice, linux: []string{"widen-port-range"}, windows: []string{"widen-dynamic-ports"}, bsd: []string{"widen-port-range-bsd"}},
	"application-cap":         {severity: Warning, limit: true, names: true, cures: []string{"share-server-connections", "raise-server-cap"}},
	"address-in-use":          {severity: Warning, victim: true, cures: []string{"reuse-address"}, linux: []string{"one-instance"}, windows: []string{"find-port-owner"}},
	"service-port-taken":      {severity: Warning, victim: true},
	"address-not-local":       {severity: Warning, linux: []string{"bind-existing-address", "nonlocal-bind"}},
	"excluded-port-range":     {severity: Warning, victim: true, windows: []string{"use-other-port"}},
	"blocked-by-policy":       {severity: Warning, linux: []string{"find-policy"}},
	"unreachable-destination": {severity: Warning, cures: []string{"connect-timeout", "backoff"}, linux: []string{"check-destination"}},
	"nat-exhaustion":          {severity: Warning, cures: []string{"reuse-connections", "ask-gateway"}},
	"half-open-connections":   {severity: Warning, cures: []string{"enable-keepalive"}},
	"connection-leak":         {severity: Warning, cures: []string{"close-connections"}},
	"close-wait-leak":         {severity: Warning, cures: []string{"close-connections"}},
	"unconnected-socket-leak": {severity: Warning, cures: []string{"close-on-error"}},
	"short-lived-connections": {severity: Notice, cures: []string{"reuse-connections"}},
	"retry-storm":             {severity: Warning, cures: []string{"backoff"}},
	"time-wait-stuck":         {severity: Warning, cures: []string{"update-and-restart"}},
	"never-accepted":          {severity: Warning, cures: []string{"accept-faster"}},
	"linger-reset":            {severity: Notice},
	"slow-reader":             {severity: Notice},
	"slow-peer":               {severity: Notice},
}

// cures are the remedies of a suspicion on one system; on an unknown one only
// those that suit any.
func (s *suspicion) curesOn(os string) []string {
	switch os {
	case "linux":
		return slices.Concat(s.cures, s.linux)
	case "windows":
		return slices.Concat(s.cures, s.windows)
	case "darwin", "freebsd":
		return slices.Concat(s.cures, s.bsd)
	}
	return s.cures
}

// suspects are the findings that may be behind a message, most likely first: what
// its entry in the table of messages says, else what the error itself says.
func (x *examination) suspects(sym *host.Symptom) (ids []string) {
	for _, id := range sym.Candidates {
		if _, known := suspicions[id]; known && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) > 0 {
		return ids
	}
	switch sym.Errno {
	case errADDRNOTAVAIL:
		if sym.Call == "bind" || sym.Call == "listen" {
			return []string{"address-not-local"}
		}
		return []string{"port-exhaustion", "address-not-local"}
	case errADDRINUSE:
		switch {
		case sym.Call == "connect" && x.os == "windows":
			return []string{"port-exhaustion"}
		case sym.Call == "connect":
			return []string{"bind-port-exhaustion", "port-exhaustion"}
		}
		return []string{"address-in-use", "bind-port-exhaustion"}
	case errACCES:
		if x.os == "windows" {
			return []string{"excluded-port-range", "blocked-by-policy"}
		}
		return []string{"blocked-by-policy"}
	case errMFILE:
		return []string{"fd-exhaustion"}
	case errNFILE:
		return []string{"file-table-full"}
	case errNOBUFS:
		if x.os == "windows" {
			return []string{"port-exhaustion", "unconnected-socket-leak", "nonpaged-pool"}
		}
		return []string{"tcp-memory-pressure", "neighbour-table-full"}
	case errTIMEDOUT:
		return []string{"unreachable-destination", "accept-queue-overflow", "conntrack-full"}
	case errPERM:
		return []string{"conntrack-full", "blocked-by-policy"}
	}
	return nil
}
