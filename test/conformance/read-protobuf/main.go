// Reads Protobuf messages with Google's Go codec, which shares no code with ours. In: the path of a
// FileDescriptorSet, and on standard input a line per message: its type and its bytes in
// hexadecimal. Out: a line per message: its JSON form, or "refused".
package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(descriptors string) error {
	encoded, err := os.ReadFile(descriptors)
	if err != nil {
		return err
	}
	var set descriptorpb.FileDescriptorSet
	if err := proto.Unmarshal(encoded, &set); err != nil {
		return err
	}
	files, err := protodesc.NewFiles(&set)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 1<<22)
	for lines.Scan() {
		name, text, _ := strings.Cut(lines.Text(), " ")
		bytes, err := hex.DecodeString(text)
		if err != nil {
			return err
		}
		descriptor, err := files.FindDescriptorByName(protoreflect.FullName(name))
		if err != nil {
			return err
		}
		message := dynamicpb.NewMessage(descriptor.(protoreflect.MessageDescriptor))
		if err := proto.Unmarshal(bytes, message); err != nil {
			fmt.Fprintln(out, "refused")
			continue
		}
		json, err := protojson.Marshal(message)
		if err != nil {
			return err
		}
		fmt.Fprintln(out, string(json))
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return out.Flush()
}
