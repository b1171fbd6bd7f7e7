"""In: the repository's .proto files. Out: hayate_client/gen, the Protobuf code that the client imports.

Run `python generate.py [FOLDER]` with grpcio-tools installed. Packaging runs it (see setup.py); nothing
of its output is committed. FOLDER replaces hayate_client/gen.
"""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "packages" / "protocol" / "proto"
MESSAGES = ("frame", "message", "payload")


def generate(folder: Path = HERE / "hayate_client" / "gen") -> None:
    """Writes the modules, with their types, below `folder`. Raises RuntimeError if protoc fails."""
    from grpc_tools import protoc

    folder.mkdir(parents=True, exist_ok=True)
    sources = [f"hayate/v1/{name}.proto" for name in MESSAGES]
    outputs = [f"--python_out={folder}", f"--pyi_out={folder}"]
    if protoc.main(["protoc", f"--proto_path={PROTO}", *outputs, *sources]) != 0:
        raise RuntimeError("protoc failed; its message is above")


if __name__ == "__main__":
    generate(*map(Path, sys.argv[1:2]))
