package paste

var conntrackKinds []kind
