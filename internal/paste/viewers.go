package paste

var viewerKinds []kind
