package paste

var settingKinds []kind
