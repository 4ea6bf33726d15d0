package cli

import (
	"io"
	"slices"
	"testing"
	"time"

	"sockeye/internal/diagnose"
	"sockeye/internal/knowledge"
	"sockeye/internal/tune"
)

// What can be watched is what can fall while one watches, the worst of it.
func TestSymptomsOf(t *testing.T) {
	book, err := knowledge.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	l := &tuneTalk{app: App{Stdout: io.Discard}, book: book}
	rep := &diagnose.Report{}
	for id, s := range map[string]diagnose.Severity{"port-exhaustion": diagnose.Critical, "conntrack-full": diagnose.Critical, "time-wait-buckets-full": diagnose.Warning,
		"accept-queue-overflow": diagnose.Critical, "fd-exhaustion": diagnose.Critical, "half-open-connections": diagnose.Warning, "harmful-setting": diagnose.Notice} {
		rep.Findings = append(rep.Findings, diagnose.Finding{ID: id, Severity: s})
	}
	change := func(finding, reason, from string) tune.Change {
		return tune.Change{Finding: finding, Reason: reason, From: from}
	}
	reuse, buckets := change("port-exhaustion", "tw-reuse", "2"), change("time-wait-buckets-full", "tw-buckets", "100")
	queue, back := change("accept-queue-overflow", "somaxconn", "128"), change("harmful-setting", "timestamps-back", "0")
	limit := tune.Change{Kind: tune.Systemd, Finding: "fd-exhaustion", Reason: "limit-nofile", Values: tune.Values{Unit: "shop.service"}}
	for _, tt := range []struct {
		name    string
		changes []tune.Change
		window  time.Duration
		ids     []string
		lesser  int
		waits   []string
	}{
		{"one", []tune.Change{reuse}, time.Minute, []string{"port-exhaustion"}, 0, nil},
		{"two, one lesser", []tune.Change{reuse, buckets}, time.Minute, []string{"port-exhaustion"}, 1, nil},
		{"a restart is needed", []tune.Change{queue}, time.Minute, nil, 0, []string{"accept-queue-overflow"}},
		{"a restart is needed for the other", []tune.Change{queue, buckets}, time.Minute, []string{"time-wait-buckets-full"}, 0, []string{"accept-queue-overflow"}},
		{"one finding, one of two counts at once", []tune.Change{change("fd-exhaustion", "nr-open", "1024"), change("fd-exhaustion", "file-max", "1024")}, time.Minute, nil, 0, []string{"fd-exhaustion"}},
		{"of a unit", []tune.Change{limit}, time.Minute, nil, 0, []string{"fd-exhaustion"}},
		{"a way back", []tune.Change{back}, time.Minute, nil, 0, nil},
		{"slower than the window", []tune.Change{change("half-open-connections", "retries2", "15")}, time.Minute, nil, 0, []string{"half-open-connections"}},
		{"within the window", []tune.Change{change("half-open-connections", "retries2", "15")}, 5 * time.Minute, []string{"half-open-connections"}, 0, nil},
		{"they still wait for what it was", []tune.Change{change("time-wait-buckets-full", "fin-timeout", "60")}, time.Minute, nil, 0, []string{"time-wait-buckets-full"}},
		{"and have the time", []tune.Change{change("time-wait-buckets-full", "fin-timeout", "60")}, 2 * time.Minute, []string{"time-wait-buckets-full"}, 0, nil},
		{"no time is left to see that it stays", []tune.Change{change("half-open-connections", "retries2", "15")}, 130 * time.Second, nil, 0, []string{"half-open-connections"}},
		{"ports without a timestamp", []tune.Change{change("port-exhaustion", "timestamps-back", "0")}, time.Minute, nil, 0, []string{"port-exhaustion"}},
		{"not there", []tune.Change{change("orphan-limit", "max-orphans", "1")}, time.Minute, nil, 0, nil},
		{"nobody watches", []tune.Change{queue}, 0, []string{"accept-queue-overflow"}, 0, nil},
	} {
		s := symptomsOf(l, tune.Plan{}, tt.changes, rep, tt.window)
		var waits []string
		for _, w := range s.waits {
			waits = append(waits, w.Why)
			if w.Value == "" {
				t.Errorf("%s: not said when %s counts", tt.name, w.Why)
			}
		}
		if !slices.Equal(s.ids, tt.ids) || len(s.lesser) != tt.lesser || !slices.Equal(waits, tt.waits) || (s.rank > 0) != (len(tt.ids) > 0) {
			t.Errorf("%s: %v, %v, %v", tt.name, s.ids, s.lesser, waits)
		}
	}
}

func TestProofFor(t *testing.T) {
	for _, tt := range []struct{ reason, from, want string }{
		{"retries2", "15", "3m"}, {"fin-timeout", "60", "2m"}, {"fin-timeout", "30", "1m"}, {"conntrack-time", "432000", ""}, {"somaxconn", "128", ""}, {"fin-timeout", "x", ""},
	} {
		c := tune.Change{Reason: tt.reason, From: tt.from}
		if got := proofFor(c); got != tt.want {
			t.Errorf("%s from %s: %q, want %q", tt.reason, tt.from, got, tt.want)
		}
	}
}

// Who names a namespace does not mean the machine around it.
func TestMachineWide(t *testing.T) {
	own := tune.Change{Setting: "net.ipv4.tcp_tw_reuse", Scope: tune.Namespace}
	host := tune.Change{Setting: "net.netfilter.nf_conntrack_max", Scope: tune.Host}
	unit := tune.Change{Kind: tune.Systemd, Setting: "LimitNOFILE", Scope: tune.Host}
	for _, tt := range []struct {
		changes []tune.Change
		want    string
	}{{[]tune.Change{own, unit}, ""}, {[]tune.Change{own, host}, host.Setting}, {nil, ""}} {
		if got := machineWide(tt.changes); got != tt.want {
			t.Errorf("%v: %q, want %q", tt.changes, got, tt.want)
		}
	}
	for netns, want := range map[string]bool{"self": false, "": false, "4711": true, "blue": true} {
		o := &applyOptions{planOptions: planOptions{look: doctorOptions{netns: netns}}}
		if o.elsewhere() != want {
			t.Errorf("--netns %q: %v", netns, !want)
		}
	}
}
