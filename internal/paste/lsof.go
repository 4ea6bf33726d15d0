package paste

var lsofKinds []kind
