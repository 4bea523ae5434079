"""The Makefile's targets, and the same checks before a commit."""

import re

import yaml

from local.supervisor.program import ROOT

MAKEFILE = (ROOT / "Makefile").read_text()
HOOKS = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]


def recipe(target: str) -> list[str]:
    found = re.search(rf"^{target}:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    assert found is not None
    return [line.strip() for line in found[1].splitlines()]


def test_every_target_that_makes_no_file_is_phony_and_has_a_line_of_help() -> None:
    phony = set(" ".join(re.findall(r"^\.PHONY: (.+)$", MAKEFILE, re.MULTILINE)).split())
    assert set(re.findall(r"^([a-z]+):.* ## ", MAKEFILE, re.MULTILINE)) == phony - {"FORCE"}


def test_a_commit_is_checked_by_what_make_check_runs() -> None:
    hooks = [hook["entry"].replace(" --force-exclude", "") for hook in HOOKS]
    checks = [re.sub(r" --check| \.$| \S+\.yaml$", "", line) for line in recipe("check")]
    assert hooks == checks
