"""Count the clean bars with Spark, and print which archive of classes its Java has mapped."""

import sys
from pathlib import Path

from pyspark import SparkContext

from stock_ml.adapters import spark as engine
from stock_ml.adapters.lake import Lake
from stock_ml.config import load


def main() -> None:
    """Print the archive's path, nothing where none is mapped."""
    s = load()
    with engine.session(s) as spark:
        assert engine.read_bars(spark, Lake.connect(s).clean_uri(), s.symbols).count()
        lines = Path(f"/proc/{SparkContext._gateway.proc.pid}/maps").read_text().splitlines()
        sys.stdout.write(" ".join({line.split()[-1] for line in lines if ".jsa" in line and "classes-" in line}))


if __name__ == "__main__":
    main()
