package paste

var statisticsKinds []kind
