package lab

import (
	"context"
	"slices"
	"strings"
)

// scenario is a play: a stage set up inside a private network namespace and
// roles that are played by processes of their own.
type scenario struct {
	name   string
	also   string // another name that it is found by; "" for none
	about  Text
	setup  func(*world) error // before the roles start, inside the namespace; nil: only loopback
	roles  []role             // started in order, each when the one before is ready
	stands func(*look) bool   // whether the picture has come about; nil: when every role is ready
	expect Expectation
}

// role is one process of a scenario. play returns when ctx ends or when there
// is nothing left to do; an error ends the role and is told.
type role struct {
	name     string
	play     func(ctx context.Context, st *stage) error
	disguise string // file name to run under, from a temporary folder that is gone; "" runs Sockeye itself
}

// scenarios returns every scenario, by name.
func scenarios() []scenario {
	all := slices.Concat(stateScenarios(), portScenarios(), leakScenarios(), peerScenarios(),
		queueScenarios(), clashScenarios(), conntrackScenarios(), healthyScenarios(), ftpScenarios())
	slices.SortFunc(all, func(a, b scenario) int { return strings.Compare(a.name, b.name) })
	return all
}

func findScenario(name string) (scenario, bool) {
	for _, s := range scenarios() {
		if s.name == name || s.also != "" && s.also == name {
			return s, true
		}
	}
	return scenario{}, false
}

func (s *scenario) info() Info {
	i := Info{Name: s.name, About: s.about, Expect: s.expect}
	for _, r := range s.roles {
		i.Roles = append(i.Roles, r.name)
	}
	return i
}

// List returns the scenarios by name.
func List() []Info {
	var out []Info
	for _, s := range scenarios() {
		out = append(out, s.info())
	}
	return out
}
