package diagnose

import (
	"testing"

	"sockeye/internal/host"
)

func TestFileTableFull(t *testing.T) {
	open := func(n uint64) func(*sketch) { return func(s *sketch) { s.System.FilesOpen = host.Some(n) } }
	small := drawSetting("fs.file-max", "10000")
	judgeSketches(t, fileTableFull, []sketchCase{
		{name: "reached", now: drawAll(small, open(10000), drawProgram(7, "java", 9000, 100000), drawProgram(8, "sh", 3, 1024)),
			want: []string{"critical proven pid:7 used,holder => find-open-files,raise-file-max"}},
		{name: "near and growing", before: drawAll(small, open(8000)), now: drawAll(small, open(8500)),
			want: []string{"warning likely pid:- used,growing => find-open-files,raise-file-max"}},
		{name: "ENFILE seen", now: drawAll(small, open(9600)), seen: []host.Failure{{PID: 3, Call: "socket", Errno: errNFILE, Count: 2}},
			want: []string{"critical proven pid:- used,failed => find-open-files,raise-file-max"}},

		{name: "today's default has no end", now: drawAll(drawSetting("fs.file-max", "9223372036854775807"), open(3_000_000))},
		{name: "unknown", now: func(s *sketch) { s.System.FilesOpen = host.Opt{} }},
	})
}
