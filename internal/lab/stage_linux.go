package lab

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"sync"
	"time"
)

// readyFD is where a role says, once, that it is ready.
const readyFD = 5

// teller writes messages to the events pipe, one line each.
type teller struct {
	role string
	w    *os.File
}

func (t *teller) send(m message) {
	if m.Role == "" {
		m.Role = t.role
	}
	line, err := json.Marshal(m)
	if err != nil {
		return
	}
	// A starter that is gone is noticed at the lifeline.
	_, _ = t.w.Write(append(line, '\n'))
}

// stage is what a role sees of its run.
type stage struct {
	out   *teller
	ready sync.Once
	said  *os.File
}

// Ready says that the role has done what the next one builds upon.
func (st *stage) Ready() {
	st.ready.Do(func() {
		_, _ = st.said.Write([]byte{1})
		st.said.Close()
	})
}

// Step tells people what was just done.
func (st *stage) Step(en, zh string, args ...any) {
	st.Tell(Text{En: fmt.Sprintf(en, args...), Zh: fmt.Sprintf(zh, args...)})
}

// Tell tells people something.
func (st *stage) Tell(t Text) { st.out.send(message{Kind: EventStep, Text: t}) }

// Show tells a step together with the rows of the socket table that keep lets through.
func (st *stage) Show(rows []Row, en, zh string) {
	const most = 16 // a message stays under PIPE_BUF
	st.out.send(message{Kind: EventStep, Text: Text{En: en, Zh: zh}, Sockets: rows[:min(len(rows), most)]})
}

func roleMain(ctx context.Context, r *role, lifeline *os.File, out *teller) int {
	// The name that ps, ss and the doctor show; comm of the whole process, not
	// of the thread this happens to run on.
	if r.disguise == "" {
		_ = os.WriteFile("/proc/self/comm", []byte(r.name), 0)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		awaitEnd(lifeline)
		cancel()
		// A role that does not mind its context must go as well.
		time.AfterFunc(time.Second, func() { os.Exit(0) })
	}()
	st := &stage{out: out, said: os.NewFile(readyFD, "ready")}
	err := r.play(ctx, st)
	if err != nil && ctx.Err() == nil {
		st.Step("%s gives up: %v", "%s 放弃：%v", r.name, err)
		return 1
	}
	return 0
}
