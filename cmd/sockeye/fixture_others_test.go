//go:build !linux

package main

import "fmt"

func addFixtures(map[string]func()) {}

// condition answers [root] and [netns] of the scripts: there is neither here.
func condition(name string) (bool, error) {
	switch name {
	case "root", "netns":
		return false, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
