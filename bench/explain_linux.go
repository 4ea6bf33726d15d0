package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"
)

// What explain must reach.
const (
	dumpRows   = 1_000_000
	dumpMost   = time.Second
	dumpMemory = 200 << 20
	logSize    = 1 << 30
	logLeast   = 300e6 // bytes per second of processor time
	logMemory  = 100 << 20
)

// explaining is the part that reads saved text: tables of a million rows, and a
// log of a gigabyte in which nothing is wrong.
func explaining(ctx context.Context, out *bufio.Writer, o options) ([]goal, error) {
	dir, err := os.MkdirTemp("", "sockeye-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	var commands []command
	for _, text := range []struct {
		name  string
		write func(*bufio.Writer)
	}{
		{"netstat -ano of Windows", writeWindows},
		{"netstat -tanp of Linux", writeNetTools},
		{"ss -tan", writeSS},
		{"log", writeLog},
	} {
		path := filepath.Join(dir, text.name)
		progress("writing: %s", text.name)
		if err := writeText(path, text.write); err != nil {
			return nil, err
		}
		c := command{name: text.name, args: []string{o.sockeye, "explain", "--format", "json", path}, check: countTotals}
		if text.name == "log" {
			c.check, c.args = nil, []string{o.sockeye, "explain", path}
			c.nothing = true
		}
		commands = append(commands, c)
	}
	all, err := compare(ctx, commands, o)
	if err != nil {
		return nil, err
	}
	fmt.Fprintf(out, "\nexplain: %s rows of a table, to %s destinations; %d MB of a log without a match\n", thousands(dumpRows), thousands(dumpPeers), logSize>>20)
	var rows []row
	var goals []goal
	for _, m := range all {
		s := spreadOf(m.runs)
		r := row{name: m.name, spread: s, runs: len(m.runs)}
		if m.check != nil {
			r.note = thousands(m.seen.sockets)
			goals = append(goals, below("explain "+m.name, s.median, dumpMost),
				goal{fmt.Sprintf("explain %s: memory at most %d MB", m.name, dumpMemory>>20), fmt.Sprintf("%d MB", s.peak>>20), s.peak <= dumpMemory},
				goal{"explain " + m.name + ": every row", thousands(m.seen.sockets), m.seen.sockets == dumpRows})
		} else {
			rate := logSize / s.cpu.Seconds()
			r.note = fmt.Sprintf("%.0f MB/s of processor time", rate/1e6)
			goals = append(goals, goal{fmt.Sprintf("explain a log: at least %.0f MB/s on one processor", logLeast/1e6), fmt.Sprintf("%.0f MB/s", rate/1e6), rate >= logLeast},
				goal{fmt.Sprintf("explain a log: memory at most %d MB", logMemory>>20), fmt.Sprintf("%d MB", s.peak>>20), s.peak <= logMemory})
		}
		rows = append(rows, r)
	}
	printRows(out, rows)
	return goals, nil
}

// countTotals reads how many sockets a report counts.
func countTotals(r io.Reader) (seen, error) {
	var rep struct {
		Totals struct {
			Sockets int `json:"sockets"`
		} `json:"totals"`
	}
	err := json.NewDecoder(r).Decode(&rep)
	return seen{rep.Totals.Sockets, -1}, err
}

func writeText(path string, write func(*bufio.Writer)) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(f, 1<<20)
	write(w)
	if err := w.Flush(); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// dumpPeers is how many destinations the rows have between them.
const dumpPeers = 5000

// eachRow gives a million different connections in the states of a busy client.
func eachRow(row func(i int, peer string, port int, state int)) {
	r := rand.New(rand.NewPCG(1, 2)) // the same text each time
	for i := range dumpRows {
		peer := i % dumpPeers
		row(i, fmt.Sprintf("10.7.%d.%d", 1+peer/250, 1+peer%250), 1024+i/dumpPeers*7, r.IntN(100))
	}
}

func writeWindows(w *bufio.Writer) {
	fmt.Fprint(w, "\r\nActive Connections\r\n\r\n  Proto  Local Address          Foreign Address        State           PID\r\n")
	eachRow(func(i int, peer string, port, state int) {
		word, pid := "TIME_WAIT", 0
		if state < 30 {
			word, pid = "ESTABLISHED", 1000+4*(i%50)
		}
		fmt.Fprintf(w, "  TCP    %-22s %-22s %-15s %d\r\n", fmt.Sprintf("192.168.7.9:%d", port), peer+":443", word, pid)
	})
}

func writeNetTools(w *bufio.Writer) {
	fmt.Fprint(w, "Active Internet connections (servers and established)\nProto Recv-Q Send-Q Local Address           Foreign Address         State       PID/Program name    \n")
	eachRow(func(i int, peer string, port, state int) {
		word, owner := "TIME_WAIT", "-"
		if state < 30 {
			word, owner = "ESTABLISHED", fmt.Sprintf("%d/worker", 1000+i%50)
		}
		fmt.Fprintf(w, "tcp        0      0 %-23s %-23s %-11s %-20s\n", fmt.Sprintf("192.168.7.9:%d", port), peer+":443", word, owner)
	})
}

func writeSS(w *bufio.Writer) {
	fmt.Fprint(w, "State      Recv-Q Send-Q  Local Address:Port     Peer Address:Port  Process\n")
	eachRow(func(i int, peer string, port, state int) {
		word := "TIME-WAIT"
		if state < 30 {
			word = "ESTAB"
		}
		fmt.Fprintf(w, "%-10s 0      0      %20s %20s\n", word, fmt.Sprintf("192.168.7.9:%d", port), peer+":443")
	})
}

func writeLog(w *bufio.Writer) {
	r := rand.New(rand.NewPCG(3, 4))
	for n := 0; n < logSize; {
		at := time.Unix(int64(1_700_000_000+n/4096), 0).UTC().Format("2006-01-02 15:04:05,000")
		k, _ := fmt.Fprintf(w, "%s INFO  [http-nio-8080-exec-%d] c.e.shop.OrderController - order %d accepted for customer %d in %d ms (cart=%x)\n",
			at, r.IntN(200), r.Uint32(), r.IntN(100000), r.IntN(300), r.Uint64())
		n += k
	}
}
