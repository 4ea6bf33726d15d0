// Command sockeye tells why this machine cannot open, or not keep, its TCP
// connections, who is to blame, how long until it runs out, and what helps.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sockeye/internal/cli"
)

func main() { os.Exit(run()) }

func run() int {
	// SIGHUP: the terminal was closed, and what runs in it must leave nothing behind.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	context.AfterFunc(ctx, stop) // a second Ctrl-C ends the program whatever it does
	return cli.Run(ctx, os.Args[1:], cli.System())
}
