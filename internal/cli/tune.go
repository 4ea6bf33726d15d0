package cli

import "github.com/spf13/cobra"

func newTuneCmd(app App) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tune",
		Short: "Settings of the operating system, computed for this machine",
		Long: `Tune computes which settings of the operating system would help this machine, by what the
doctor finds on it. The cure of most findings is in a program: tune says so, and says what a
setting does not do.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newTunePlanCmd(app), newTuneApplyCmd(app), newTuneStatusCmd(app), newTuneRollbackCmd(app))
	return cmd
}
