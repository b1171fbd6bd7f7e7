module hayate/read-protobuf

go 1.17

require google.golang.org/protobuf v1.33.0
