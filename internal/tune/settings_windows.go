package tune

// registryPrefix begins the names of settings that are values of the registry.
const registryPrefix = "windows."

// systemSettings are those of Windows alone. Of MaxUserPort only Windows before Vista
// takes notice, on which this program does not run.
func systemSettings() []Setting {
	return []Setting{
		{Name: timedWaitName, Scope: Host, words: 1, check: between(timedWaitLeast, timedWaitMost)},
	}
}
