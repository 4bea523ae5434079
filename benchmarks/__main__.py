"""`python -m benchmarks` lists the benchmarks, `python -m benchmarks NAME [option=number …]` runs one."""

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console

PRIVATE = "_"


def names() -> list[str]:
    """Return the names of the benchmarks: the files beside this one."""
    return sorted(p.stem for p in Path(__file__).parent.glob("*.py") if not p.stem.startswith(PRIVATE))


def main(words: list[str]) -> int:
    """Run one benchmark, or list them all."""
    console = Console(highlight=False, soft_wrap=True)
    if not words:
        for name in names():
            console.print(f"{name:10} {_first_line(name)}")
        return 0
    if words[0] not in names():
        console.print(f"no benchmark is called {words[0]!r}; there are: {', '.join(names())}")
        return 1
    options = {name: int(value) for name, _, value in (word.partition("=") for word in words[1:])}
    figures = importlib.import_module(f"benchmarks.{words[0]}").run(console, **options)
    print(json.dumps({"name": words[0], "figures": figures}))
    return 0


def _first_line(name: str) -> str:
    return (importlib.import_module(f"benchmarks.{name}").__doc__ or "").splitlines()[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
