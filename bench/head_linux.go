package main

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// head says where and when this was measured, and with which versions.
func head(w io.Writer, o options) {
	var u unix.Utsname
	_ = unix.Uname(&u) // an empty name says it
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(load), " ")
	kb, _ := procNumber("/proc/meminfo", "MemTotal:")
	fmt.Fprintf(w, "Linux %s, %d processors, %.0f GiB, load %s before\n",
		unix.ByteSliceToString(u.Release[:]), runtime.NumCPU(), float64(kb)/(1<<20), first)
	fmt.Fprintf(w, "sockeye %s", version(o.sockeye, "--version"))
	if o.tables {
		fmt.Fprintf(w, ", ss %s, netstat %s, lsof %s", version("ss", "-V"), version("netstat", "-V"), version("lsof", "-v"))
	}
	if o.trace {
		fmt.Fprintf(w, ", bpftrace %s", version("bpftrace", "--version"))
	}
	fmt.Fprintf(w, "\nOutput goes to /dev/null. The commands run in turns; memory is the peak of resident memory.\n")
}

var number = regexp.MustCompile(`\d+\.\d+(\.\d+)*`)

// version is the first thing in what a tool says that looks like one.
func version(tool string, arg string) string {
	out, err := exec.Command(tool, arg).CombinedOutput()
	if v := number.Find(out); v != nil {
		return string(v)
	}
	if err != nil {
		return "not installed"
	}
	return "of unknown version"
}
