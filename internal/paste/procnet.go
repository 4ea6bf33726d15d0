package paste

var procKinds []kind
