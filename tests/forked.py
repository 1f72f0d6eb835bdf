"""A command of the pages, run in a process that was forked for it by tests/test_readme.py.

`words`, `folder` and `output` are given as globals: the command or Python code after "-c", where it
runs, and the file for what it prints; what it says on stderr goes beside it.
"""

import os
import runpy
import sys
from pathlib import Path

import transformer.cli


def run(words: list[str], folder: Path, output: Path) -> int:
    os.chdir(folder)
    os.environ["XDG_CACHE_HOME"] = str(folder / ".cache")  # not that of whoever runs the tests
    for stream, path in ((1, output), (2, output.with_suffix(".err"))):
        with path.open("wb") as file:
            os.dup2(file.fileno(), stream)
    for text in (sys.stdout, sys.stderr):
        text.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    sys.argv = words[1:] if words[0] == "python" else words
    if words[:2] == ["python", "-c"]:
        exec(compile(words[2], "the page", "exec"), {"__name__": "__main__"})
        return 0
    if words[0] == "python":
        sys.path.insert(0, str(Path(words[1]).parent))
        runpy.run_path(words[1], run_name="__main__")
        return 0
    name = words[0].removeprefix("transformer-")
    return int(getattr(transformer.cli, f"{name}_main")())


if __name__ == "forked":
    status = run(words, folder, output)  # type: ignore[name-defined]  # noqa: F821
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)
