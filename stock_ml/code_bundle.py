"""The parts of this package that run on other machines, without the rest of the project."""

from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).parent
# each name is a module or a package below `stock_ml`; test_code_bundle.py runs both lists in an empty folder
SPARK_WORKER = ("__init__.py", "errors.py", "domain", "model", "evaluation")
REGISTERED_MODEL = (
    *("__init__.py", "errors.py", "domain/__init__.py", "domain/ticks.py", "model/__init__.py"),
    *("model/conformal.py", "model/feature_schema.py", "model/scorer.py", "model/trees.py"),
)


def files(names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """Yield each source file of these modules and packages, with its path from the folder above `stock_ml`."""
    for name in names:
        path = PACKAGE / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            yield file, f"stock_ml/{file.relative_to(PACKAGE).as_posix()}"
