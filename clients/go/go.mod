module github.com/hayate-live/hayate-go

go 1.25.0

require (
	github.com/coder/websocket v1.8.15
	google.golang.org/protobuf v1.36.12
)

tool google.golang.org/protobuf/cmd/protoc-gen-go
