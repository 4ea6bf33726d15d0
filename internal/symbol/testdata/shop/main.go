// Command shop prints return addresses of its own stack and, as the truth, how
// the Go runtime names them; then it waits for the end of its input.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"

	"shop/db"
)

func look() {
	pcs := make([]uintptr, 64)
	pcs = pcs[:runtime.Callers(1, pcs)]
	for _, pc := range pcs {
		fmt.Printf("PC %d\n", pc)
		// Two addresses, or the runtime does not unfold what is inlined.
		frames := runtime.CallersFrames([]uintptr{pc, 1})
		for {
			f, more := frames.Next()
			fmt.Printf("FRAME %d %s %s\n", f.Line, f.Function, f.File)
			if f.Func != nil || !more {
				break // the function itself
			}
		}
	}
}

func main() {
	out := bufio.NewWriter(os.Stdout)
	var once sync.Once
	done := make(chan int)
	go func() {
		once.Do(func() {
			db.Generic("x", &db.Dao{Base: &db.Base{Look: look}})
		})
		done <- 1
	}()
	<-done
	fmt.Fprintln(out, "READY")
	out.Flush()
	bufio.NewReader(os.Stdin).ReadString('\n')
}
