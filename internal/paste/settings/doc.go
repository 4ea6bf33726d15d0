// Package settings reads settings and facts of a machine: sysctl, /proc/sys, netsh, the
// registry, limits, launchctl limit, uname, uptime, neighbour tables, and bare values below the command
// that printed them.
//
// In: lines, and the command typed before them.
// Out: settings by their sysctl names or those of Windows, in a form.Builder.
// Whether settings are a machine's or somebody's advice is concluded from the sentence
// before them.
package settings
