package paste

var powershellKinds []kind
