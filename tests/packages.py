"""Packages of sources as pip leaves them in a folder, for tests of what others may install."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from stock_ml import config, source_plugins
from stock_ml.source_plugins import GROUP

CAN = "Capabilities('whole months')"
PLUGIN = f"""
from stock_ml.sources.plugin import Capabilities, SourcePlugin
PLUGIN = SourcePlugin(contract=1, capabilities={CAN}, open=lambda given: None)
"""


def package(folder: Path, source: str, code: str = PLUGIN, *, module: str = "", name: str = "") -> None:
    """Write a package whose module is `code`, and whose object PLUGIN is a source."""
    module, name = module or f"package_of_{source}", name or f"package-of-{source}"
    (folder / f"{module}.py").write_text(code)
    info = folder / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\n{source} = {module}:PLUGIN\n")


@contextmanager
def other_packages() -> Iterator[None]:
    """Look for packages anew in the block, and after it."""
    caches = (source_plugins.installed, source_plugins.describe, config.class_with)
    for each in caches:
        each.cache_clear()
    yield
    for each in caches:
        each.cache_clear()
