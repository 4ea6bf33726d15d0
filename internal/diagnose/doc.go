// Package diagnose turns one or two Snapshots, and the Activity seen between
// them, into a Report: limits, findings with culprits and evidence, remedies.
//
// In: values only; it reads no machine and no clock, so a live look, a recording
// and a pasted dump are judged alike.
// Out: the Report of the contract "sockeye.report/v1". One file per finding.
package diagnose
