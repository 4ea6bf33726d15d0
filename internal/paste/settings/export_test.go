package settings

// What tests from outside look into.
const ShellLimit = shellLimit
