# Reads Protobuf messages with Google's Python codec, which shares no code with ours. In: the path
# of a FileDescriptorSet, and on standard input a line per message: its type and its bytes in
# hexadecimal. Out: a line per message: its JSON form, or "refused".
import json
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, json_format, message, message_factory

pool = descriptor_pool.DescriptorPool()
with open(sys.argv[1], "rb") as file:
    for entry in descriptor_pb2.FileDescriptorSet.FromString(file.read()).file:
        pool.Add(entry)
factory = message_factory.MessageFactory(pool)

for line in sys.stdin:
    name, _, text = line.rstrip("\n").partition(" ")
    decoded = factory.GetPrototype(pool.FindMessageTypeByName(name))()
    try:
        decoded.ParseFromString(bytes.fromhex(text))
        print(json.dumps(json_format.MessageToDict(decoded)))
    except message.DecodeError:
        print("refused")
