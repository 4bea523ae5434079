"""What the checks of the machine itself find."""

from pathlib import Path

from stock_ml.config import load
from stock_ml.doctor.checks import disk


def test_the_largest_folders_of_an_installation_are_named_with_their_sizes(tmp_path: Path) -> None:
    s = load(_env_file=None, source="sandbox", home=tmp_path)
    for name, mebibytes in {"kafka": 1, "s3": 3, "work": 0}.items():
        (s.state / name).mkdir(parents=True)
        (s.state / name / "file").write_bytes(b"x" * (mebibytes << 20))
    message = disk(s).message
    assert message.endswith("; s3 3 MiB; kafka 1 MiB"), message
