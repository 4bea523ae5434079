"""Fuzz the parser of a layout: `python -m tests.fuzz csv 600` takes 600 seconds.

A body that breaks a rule ends the run, and is written to the current folder as `crash-…`.
"""

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["stock_ml.sources.parsing", "stock_ml.domain.bars"]):
    from stock_ml.domain.calendar import sessions
    from tests.fuzz.seeds import SEEDS, WORDS
    from tests.fuzz.target import check

LONGEST = 4_096  # bytes of a body


def main() -> None:
    """Run until the time has passed, or until a body breaks a rule."""
    layout, seconds = sys.argv[1], int(sys.argv[2])
    calendar = sessions("XNYS")
    with tempfile.TemporaryDirectory(prefix="stockml-fuzz-") as folder:
        options = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-dict={_dictionary(folder, layout)}"]

        def one(body: bytes) -> None:
            check(body, calendar)

        atheris.Setup([sys.argv[0], *options, _corpus(folder, layout)], one)
        atheris.Fuzz()


def _corpus(folder: str, layout: str) -> str:
    corpus = Path(folder, "corpus")
    corpus.mkdir()
    for number, body in enumerate(SEEDS[layout]):
        (corpus / str(number)).write_bytes(body)
    return str(corpus)


def _dictionary(folder: str, layout: str) -> Path:
    path = Path(folder, "words")
    escaped = ("".join(f"\\x{byte:02x}" for byte in word) for word in WORDS[layout])
    path.write_text("".join(f'"{word}"\n' for word in escaped))
    return path


if __name__ == "__main__":
    main()
