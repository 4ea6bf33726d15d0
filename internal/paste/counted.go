package paste

var countedKinds []kind
