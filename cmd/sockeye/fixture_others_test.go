//go:build !linux

package main

import "fmt"

func addFixtures(map[string]func()) {}

// condition answers [netns] of the scripts: there are none here.
func condition(name string) (bool, error) {
	if name == "netns" {
		return false, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}
