package paste

var netstatKinds []kind
