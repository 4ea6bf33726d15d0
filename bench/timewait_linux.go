package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

// perDestination is how many connections go to one address and port: with the
// default range of 28,232 ports a healthy 28 %.
const perDestination = 8_000

// timeWaitRuns is how often each command runs: TIME_WAIT lasts 60 s, and all of
// it must fit in.
const timeWaitRuns = 3

// timeWaitSize is one size of the case.
type timeWaitSize struct {
	made  int           // by the kernel's own count
	burst time.Duration // that the closing took
	rows  []*measured
	said  verdict
	wrong []string // what was said that cannot be
	cut   string   // why there are fewer runs than planned
}

// timeWaitCase makes TIME_WAIT, ever ten times as much, and looks whether time
// and memory grow with the number.
func timeWaitCase(ctx context.Context, w io.Writer, o options) ([]goal, error) {
	var sizes []*timeWaitSize
	for _, part := range []int{1000, 100, 10, 1} {
		if o.most/part < 10 {
			continue
		}
		s, err := measureTimeWait(ctx, o.most/part, o)
		if err != nil {
			return nil, err
		}
		sizes = append(sizes, s)
		for _, text := range s.wrong {
			fmt.Fprintf(w, "FALSE at %s in TIME_WAIT: %s\n", thousands(s.made), text)
		}
		if part > 10 {
			continue
		}
		fmt.Fprintf(w, "\n%s sockets in TIME_WAIT, %s to each destination, closed within %s\n",
			thousands(s.made), thousands(min(s.made, perDestination)), short(s.burst))
		printRows(w, rowsOf(s.rows, s.made))
		fmt.Fprintf(w, "doctor says: %s\n", s.said.said())
		if s.cut != "" {
			fmt.Fprintln(w, s.cut)
		}
	}
	return growth(w, sizes), nil
}

// slack is how much more a socket may cost among ten times as many: the caches
// hold fewer of them.
const slack = 1.5

// growth prints the cost of a socket at each size, and judges the last step.
func growth(w io.Writer, sizes []*timeWaitSize) (goals []goal) {
	fmt.Fprintf(w, "\n%-28s", "Median time by TIME_WAIT")
	for _, s := range sizes {
		fmt.Fprintf(w, " %9s", thousands(s.made))
	}
	fmt.Fprintf(w, "  one more socket\n")
	large, small := sizes[len(sizes)-1], sizes[max(0, len(sizes)-2)]
	for i, m := range large.rows {
		fmt.Fprintf(w, "%-28s", m.name)
		for _, s := range sizes {
			fmt.Fprintf(w, " %9s", short(spreadOf(s.rows[i].runs).median))
		}
		a, b := spreadOf(small.rows[i].runs), spreadOf(m.runs)
		if more := large.made - small.made; more > 0 && b.median > 0 {
			fmt.Fprintf(w, "  %.2f µs, %d B", float64(b.median-a.median)/1e3/float64(more), (b.peak-a.peak)/int64(more))
		}
		fmt.Fprintln(w)
		if strings.HasPrefix(m.name, "sockeye") && a.median > 0 {
			factor := float64(b.median) / float64(a.median) * float64(small.made) / float64(large.made)
			goals = append(goals, goal{
				fmt.Sprintf("%s, linear: at most %.1f times as much per socket", m.name, slack),
				fmt.Sprintf("%.2f", factor), factor <= slack})
		}
	}
	for _, s := range sizes {
		got := "nothing"
		if len(s.wrong) > 0 {
			got = strings.Join(s.wrong, "; ")
		}
		goals = append(goals, goal{"nothing false said of " + thousands(s.made) + " in TIME_WAIT", got, len(s.wrong) == 0})
	}
	return goals
}

func measureTimeWait(ctx context.Context, n int, o options) (*timeWaitSize, error) {
	if err := privateNamespace(); err != nil {
		return nil, err
	}
	if err := setNet("tcp_max_tw_buckets", "4000000"); err != nil {
		return nil, err
	}
	holders := (n + perDestination - 1) / perDestination
	progress("%d processes open %s connections", holders, thousands(n))
	c, err := gather(ctx, 0, holders, n)
	if err != nil {
		return nil, err
	}
	defer c.dismiss()
	for _, order := range []string{orderOpen, orderHalf} {
		if err := c.tell(order); err != nil {
			return nil, err
		}
	}
	progress("closing them")
	begin := time.Now()
	if err := c.tell(orderClose); err != nil {
		return nil, err
	}
	s := &timeWaitSize{made: n, burst: time.Since(begin)}
	c.dismiss()
	return s, s.measure(ctx, o, begin)
}

// timeWaitLife is how long TIME_WAIT lasts, TCP_TIMEWAIT_LEN of the kernel, less
// a second for what runs late.
const timeWaitLife = 59 * time.Second

// measure runs the commands in turns while all of the sockets exist: the kernel's
// own count is taken before and after each run, and a run during which it fell
// does not count.
func (s *timeWaitSize) measure(ctx context.Context, o options, begin time.Time) error {
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer func() { _ = null.Close() }()
	report := func(r io.Reader) (_ seen, err error) {
		s.said, err = readVerdict(r)
		return seen{s.said.Totals.ByState["TIME_WAIT"], -1}, err
	}
	const one = "--netns=self"
	for _, c := range []command{
		{name: "sockeye list", args: []string{o.sockeye, "list", one}, check: linesWith("TIME_WAIT", "")},
		{name: "sockeye count", args: []string{o.sockeye, "count", one}, check: countOf("TIME_WAIT")},
		{name: "sockeye doctor --sample 0", args: []string{o.sockeye, "doctor", "--sample=0", "--format=json", one}, check: report},
		{name: "ss -tan (no owners)", args: []string{"ss", "-tan"}, check: linesWith("TIME-WAIT", "")},
	} {
		s.rows = append(s.rows, &measured{command: c, seen: seen{-1, -1}})
	}
	wanted := s.made
	if s.made, err = settled(ctx, wanted); err != nil {
		return err
	}
	if s.made < wanted || s.made > wanted+wanted/1000+1 {
		return fmt.Errorf("%s in TIME_WAIT of %s closed: is another limit in the way?", thousands(s.made), thousands(wanted))
	}
	if s.made != wanted {
		progress("the kernel counts %s in TIME_WAIT of %s closed", thousands(s.made), thousands(wanted))
	}
	for range timeWaitRuns {
		for _, m := range s.rows {
			// As long again as the last run took must be left.
			if last := len(m.runs) - 1; last >= 0 && time.Since(begin)+2*m.runs[last].wall > timeWaitLife {
				s.cut = "fewer runs than planned: TIME_WAIT was about to run out"
				continue
			}
			before, err := timeWaits()
			if err != nil {
				return err
			}
			run, saw, err := looked(ctx, m.command)
			if err != nil {
				return err
			}
			after, err := timeWaits()
			if err != nil {
				return err
			}
			if after != before || after < wanted {
				s.cut = fmt.Sprintf("fewer runs than planned: after %s there were %s left", short(time.Since(begin)), thousands(after))
				return s.judge()
			}
			s.made = after
			m.runs, m.seen = append(m.runs, run), saw
			if saw.sockets != s.made {
				s.wrong = append(s.wrong, fmt.Sprintf("%s saw %s of %s", m.name, thousands(saw.sockets), thousands(s.made)))
			}
		}
	}
	return s.judge()
}

// settled returns the kernel's count of TIME_WAIT once it has reached n, or what
// it is after five seconds: the last segments of a close may still be on their
// way to another processor when the last process says that it has closed.
func settled(ctx context.Context, n int) (got int, err error) {
	err = await(ctx, 5*time.Second, func() (_ bool, err error) {
		got, err = timeWaits()
		return got >= n, err
	})
	if errors.Is(err, errLate) {
		err = nil
	}
	return got, err
}

func (s *timeWaitSize) judge() error {
	for _, m := range s.rows[:3] {
		if len(m.runs) == 0 {
			return errors.New("TIME_WAIT ran out before anything was measured: this machine is too busy")
		}
	}
	s.wrong = append(s.wrong, s.said.falseAlarms("TIME_WAIT", s.made)...)
	return nil
}

// timeWaits is the kernel's own count of this namespace.
func timeWaits() (int, error) {
	n, err := procNumber("/proc/thread-self/net/sockstat", "TCP:", "tw")
	return int(n), err
}
