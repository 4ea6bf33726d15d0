package paste

var ssKinds []kind
