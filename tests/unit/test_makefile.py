"""The Makefile's targets, and the same checks before a commit."""

import os
import re
import subprocess

import pytest
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


def make(*words: str) -> subprocess.CompletedProcess[str]:
    """Run make without running a recipe, also where a make runs this test."""
    env = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MFLAGS")}
    argv = ["make", "--no-print-directory", "-n", *words]
    return subprocess.run(argv, cwd=ROOT, env=env, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(("given", "meant"), [("SYMBOL=TSLA", "SYMBOLS"), ("SOURCES=yahoo", "SOURCE")])
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(given: str, meant: str) -> None:
    refused = make("up", given)
    assert refused.returncode == 2
    assert refused.stdout == ""
    assert f"make knows no variable {given.partition('=')[0]}. Did you mean {meant}?" in refused.stderr


def test_a_variable_that_is_like_none_is_refused_without_a_guess() -> None:
    assert "no variable HORIZON. It knows CI CSV" in make("up", "HORIZON=5").stderr


@pytest.mark.parametrize(
    "given", [(), ("STOCKML_HORIZON=5", "ALPHAVANTAGE_API_KEY=x"), ("-j2", "SOURCE=csv", "CSV=a b.csv", "CI=true")]
)
def test_settings_by_their_whole_names_and_options_of_make_are_accepted(given: tuple[str, ...]) -> None:
    assert make("up", *given).returncode == 0


def test_each_variable_that_a_line_of_help_names_is_known() -> None:
    (known,) = re.findall(r"^VARIABLES := (.+)$", MAKEFILE, re.MULTILINE)
    named = {
        name for line in re.findall(r"## (.*)$", MAKEFILE, re.MULTILINE) for name in re.findall(r"\b([A-Z]+)=", line)
    }
    assert named <= set(known.split())
