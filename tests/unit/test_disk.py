import errno
import os

import pytest

from stock_ml import disk
from stock_ml.errors import DiskFull


@pytest.mark.parametrize("number", disk.FULL)
def test_a_full_disk_is_told_with_its_place_and_what_to_do(number: int) -> None:
    with pytest.raises(DiskFull, match=r"/data/x .*serves on\. Free"), disk.space():
        raise OSError(number, os.strerror(number), "/data/x")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(PermissionError), disk.space():
        raise PermissionError(errno.EACCES, "no")


def test_what_another_program_says_of_a_full_disk_is_understood() -> None:
    with pytest.raises(DiskFull, match=r"java\.io\.IOException"):
        disk.check(RuntimeError("java.io.IOException: No space left on device"))
    disk.check(RuntimeError("java.io.IOException: broken pipe"))
