package collect

import (
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sockeye/internal/host"
)

func TestBlindSpotsOfOneKindAreOne(t *testing.T) {
	var b blindness
	b.add("no-root", "", nil)
	for i := range 12 {
		b.add("netns-no-permission", fmt.Sprintf("netns %d", 4026532000+i), errors.New("setns: operation not permitted"))
	}
	b.add("netns-no-permission", "netns 7", errors.New("open: permission denied"))
	b.add("disk-skipped", "/mnt/a", nil)
	b.add("disk-skipped", "/mnt/b c", nil)
	b.add("disk-skipped", "/dead", errors.New("timed out"))
	b.add("owners-unread", "pid 1", nil)
	b.add("owners-unread", "pid 1", nil)
	b.add("owners-unread", "pid 20", nil)
	want := []host.BlindSpot{
		{Code: "no-root", Count: 1},
		{Code: "netns-no-permission", Subject: "netns 4026532000, 4026532001, 4026532002, … (12)", Err: "setns: operation not permitted", Count: 12},
		{Code: "netns-no-permission", Subject: "netns 7", Err: "open: permission denied", Count: 1},
		{Code: "disk-skipped", Subject: "/mnt/a, /mnt/b c", Count: 2},
		{Code: "disk-skipped", Subject: "/dead", Err: "timed out", Count: 1},
		{Code: "owners-unread", Subject: "pid 1, 20", Count: 3},
	}
	for range 2 { // asking changes nothing
		if diff := cmp.Diff(want, b.list()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}
