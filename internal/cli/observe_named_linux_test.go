package cli

import "testing"

// A namespace that was asked for is judged whether it is in use or not: both ways of
// looking must say that it was.
func TestObserveTellsWhatWasAskedFor(t *testing.T) {
	for netns, named := range map[string]bool{"": false, "all": false, "self": true} {
		for _, o := range []doctorOptions{{netns: netns, noTrace: true}, {netns: netns, noTrace: true, sample: 1}} {
			in, err := observe(t.Context(), o, nil)
			if err != nil {
				t.Fatal(err)
			}
			if in.Named != named || (in.Before == nil) != (o.sample == 0) {
				t.Errorf("--netns %q, sample %v: asked for %v", netns, o.sample, in.Named)
			}
		}
	}
}
