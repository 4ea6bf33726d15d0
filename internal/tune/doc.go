// Package tune changes settings of the operating system, and can always undo it.
//
// In: a Plan, what to change from which value to which. Out: an entry of the
// ledger for each that was applied, from which Rollback restores what was before,
// also after a crash at any point. It writes the settings of its table only,
// whatever a plan or a ledger says.
package tune
