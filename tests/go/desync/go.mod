module weir.test/desync

go 1.19
