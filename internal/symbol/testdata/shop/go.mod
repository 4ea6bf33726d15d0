module shop

go 1.21

require example.com/lib v1.2.3
