package paste

// What tests from outside look into.
const TreeSmall = treeSmall

var Decoded = decoded
