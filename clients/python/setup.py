"""Packaging, as pyproject.toml says. In a clone it writes the generated code and copies the licence first;
a source distribution holds both.
"""

import shutil
import sys
from pathlib import Path

from setuptools import setup

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from generate import PROTO, generate  # noqa: E402

if PROTO.is_dir():
    generate()
    shutil.copyfile(HERE.parent.parent / "LICENSE", HERE / "LICENSE")
setup()
