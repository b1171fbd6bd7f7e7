"""In: the .proto files, and the tables of bones and shapes in spec/wire.md. Out: hayate_client/gen.

Run `python generate.py [FOLDER]` with grpcio-tools installed. Packaging runs it (see setup.py); nothing
of its output is committed. FOLDER replaces hayate_client/gen.
"""

import re
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PROTO = ROOT / "packages" / "protocol" / "proto"
MESSAGES = ("frame", "message", "payload")


def generate(folder: Path = HERE / "hayate_client" / "gen") -> None:
    """Writes the modules, with their types, below `folder`. Raises RuntimeError if protoc fails."""
    from grpc_tools import protoc

    folder.mkdir(parents=True, exist_ok=True)
    sources = [f"hayate/v1/{name}.proto" for name in MESSAGES]
    outputs = [f"--python_out={folder}", f"--pyi_out={folder}"]
    if protoc.main(["protoc", f"--proto_path={PROTO}", *outputs, *sources]) != 0:
        raise RuntimeError("protoc failed; its message is above")
    (folder / "names.py").write_text(names(), encoding="utf-8")


def names() -> str:
    """A module with BONES and SHAPES: names by index, as the tables of spec/wire.md give them."""
    text = '"""Names by index, from the tables of spec/wire.md."""\n'
    spec = (ROOT / "spec" / "wire.md").read_text(encoding="utf-8")
    for title in ("Bones", "Shapes"):
        section = re.split(r"^##+ ", spec.split(f"### {title}\n")[1], maxsplit=1, flags=re.MULTILINE)[0]
        rows = re.findall(r"^\| (\d+) \| `(\w+)` \|$", section, re.MULTILINE)
        if not rows or [int(index) for index, _ in rows] != list(range(len(rows))):
            raise RuntimeError(f"the table of {title} in spec/wire.md is not in order")
        text += f"{title.upper()}: tuple[str, ...] = {tuple(name for _, name in rows)!r}\n"
    return text


if __name__ == "__main__":
    generate(*map(Path, sys.argv[1:2]))
