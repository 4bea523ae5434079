"""Every package that gives a source is there under its name; one that cannot be used says why, and harms no other."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from local.servers.services import settings_environment
from stock_ml import source_plugins
from stock_ml.config import Settings, load
from stock_ml.errors import BadPlugin, BadSetting
from stock_ml.source_plugins import BUILT_IN, describe, names, version_of_package
from stock_ml.sources.registry import plugin_of
from tests.packages import CAN, PLUGIN, other_packages, package

SETTINGS = f"""
from pydantic import BaseModel, Field, SecretStr, model_validator
from stock_ml.sources.plugin import Capabilities, SourcePlugin

class Own(BaseModel):
    url: str = "https://bars.example"
    key: SecretStr | None = Field(None, description="your key")
    pages: int = Field(5, ge=1)

    @model_validator(mode="after")
    def whole(self):
        if self.url == "none":
            raise ValueError("an address is needed")
        return self

PLUGIN = SourcePlugin(contract=1, capabilities={CAN}, settings=Own, open=lambda given: given.own(Own))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of installed packages."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    with other_packages():
        yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("package_of_"):
            del sys.modules[name]


def test_a_package_s_source_is_there_beside_the_built_in_ones(folder: Path) -> None:
    package(folder, "bars_of_mine")
    assert names() == [*BUILT_IN, "bars_of_mine"]
    s = load(_env_file=None, source="bars_of_mine", kafka_servers="k:9092")
    assert (s.live, s.capabilities.whole_months, s.s3_bucket) == (True, True, "stockml-bars-of-mine")
    assert s.kafka_topic == "stockml-bars-of-mine"


def test_the_settings_of_an_installed_source_that_is_not_chosen_are_no_misspelt_ones(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(folder, "mine", SETTINGS)
    monkeypatch.setenv("STOCKML_MINE_KEY", "a secret key")
    assert load(_env_file=None, source="yahoo").source == "yahoo"
    assert "package_of_mine" not in sys.modules
    monkeypatch.setenv("STOCKML_MINE_KEYY", "a secret key")
    with pytest.raises(BadSetting, match=r"STOCKML_MINE_KEYY is no setting: did you mean STOCKML_MINE_KEY\?"):
        load(_env_file=None, source="mine")
    monkeypatch.setenv("STOCKML_MINES", "1")
    with pytest.raises(BadSetting, match="STOCKML_MINES is no setting"):
        load(_env_file=None, source="yahoo")


def test_only_the_chosen_source_is_imported(folder: Path) -> None:
    package(folder, "good")
    package(folder, "bad", "raise RuntimeError('never')")
    load(_env_file=None, source="good")
    load(_env_file=None, source="yahoo")
    assert "package_of_good" in sys.modules
    assert "package_of_bad" not in sys.modules


def test_a_built_in_source_needs_no_look_at_other_packages(folder: Path) -> None:
    load(_env_file=None, source="sandbox")
    assert source_plugins.installed.cache_info().misses == 0


def test_an_unknown_source_names_those_that_there_are(folder: Path) -> None:
    package(folder, "mine")
    there = "sandbox, alpha_vantage, yahoo, alpaca, crypto, csv, mine"
    says = rf"^STOCKML_SOURCE=mime: there is no such source. There are {there};"
    with pytest.raises(BadSetting, match=says):
        load(_env_file=None, source="mime")


def plugin(given: str) -> str:
    return PLUGIN.replace("contract=1, ", given)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        ("raise RuntimeError('no licence')", "cannot be imported: RuntimeError: no licence; mend or uninstall it"),
        ("import sys; sys.exit(3)", "cannot be imported: SystemExit: 3"),
        ("import no_such_module", "cannot be imported: ModuleNotFoundError: No module named 'no_such_module'"),
        ("", "cannot be imported: AttributeError: .*PLUGIN"),
        ("PLUGIN = 5", "is a int, no SourcePlugin"),
        (plugin("contract=99, "), "is of contract 99, this stock_ml of 1: update the older one"),
        (plugin(""), "cannot be imported: TypeError: .*contract"),
        (PLUGIN.replace("'whole months'", "'file'"), "is simulated or a file"),
        (PLUGIN.replace("'whole months'", "'whole months', simulated=True"), "is simulated or a file"),
    ],
)
def test_a_plug_in_that_cannot_be_used_says_why_and_others_go_on(folder: Path, code: str, says: str) -> None:
    package(folder, "bad", code)
    package(folder, "good")
    with pytest.raises(
        BadPlugin, match=rf"^the source bad of package package-of-bad 1.0 \(package_of_bad:PLUGIN\).*{says}"
    ):
        load(_env_file=None, source="bad")
    assert load(_env_file=None, source="good").source == "good"


def test_two_packages_with_one_name_are_both_named(folder: Path) -> None:
    package(folder, "twice")
    package(folder, "twice", module="package_of_another", name="another")
    with pytest.raises(BadPlugin, match=r"^the packages another 1.0 and package-of-twice 1.0 each give a source twice"):
        describe("twice")


@pytest.mark.parametrize("name", ["Mine", "my-source", "_x", "x" * 31, "a/b", "a__b"])
def test_a_name_is_fit_for_variables_folders_and_buckets(folder: Path, name: str) -> None:
    package(folder, name, module="package_of_name", name="package-of-name")
    with pytest.raises(BadPlugin, match="is no name like my_source"):
        describe(name)


def test_no_package_takes_the_place_of_a_built_in_source(folder: Path) -> None:
    package(folder, "yahoo")
    assert plugin_of("yahoo").capabilities.per_minute == 60
    [entry] = source_plugins.installed()
    with pytest.raises(BadPlugin, match="'yahoo' is built in; its author must choose another name"):
        source_plugins.checked(entry)


def test_another_version_of_its_package_is_another_version_of_the_programs(folder: Path) -> None:
    package(folder, "mine")
    assert version_of_package("mine") == "package-of-mine 1.0"
    assert version_of_package("yahoo") == ""


def own_settings(s: Settings) -> dict[str, Any]:
    kind = describe(s.source).settings
    assert kind is not None
    return s.own(kind).model_dump()


def test_a_plug_in_s_settings_are_variables_with_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(folder, "mine", SETTINGS)
    monkeypatch.setenv("STOCKML_MINE_KEY", "hidden")
    (folder / ".env").write_text("STOCKML_MINE_PAGES=7\n")
    s = load(_env_file=folder / ".env", source="mine")
    found = own_settings(s)
    assert (found["url"], found["pages"]) == ("https://bars.example", 7)
    assert isinstance(found["key"], SecretStr)
    assert found["key"].get_secret_value() == "hidden"
    assert "hidden" not in repr(s) + str(s.model_dump_json())


def test_every_process_gets_a_plug_in_s_settings(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(folder, "mine", SETTINGS)
    s = load(_env_file=None, source="mine", mine_key="hidden", mine_pages=3)
    handed = settings_environment(s)
    assert (handed["STOCKML_MINE_KEY"], handed["STOCKML_MINE_PAGES"]) == ("hidden", "3")
    for name, value in handed.items():
        monkeypatch.setenv(name, value)
    there = load(_env_file=None)
    assert (there.source, own_settings(there)) == ("mine", own_settings(s))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"mine_pages": "0"}, "^STOCKML_MINE_PAGES: .*greater than or equal to 1"),
        ({"mine_url": "none"}, "^STOCKML_MINE_…: .*an address is needed"),
    ],
)
def test_a_wrong_value_is_told_by_its_variable(folder: Path, given: dict[str, object], says: str) -> None:
    package(folder, "mine", SETTINGS)
    with pytest.raises(BadSetting, match=says):
        load(_env_file=None, source="mine", **given)


@pytest.mark.parametrize("field", ["servers: str = ''", "x: str = Field('', validation_alias='PATH')"])
def test_a_plug_in_s_settings_are_none_that_stock_ml_has(folder: Path, field: str) -> None:
    package(folder, "kafka", SETTINGS.replace("pages: int = Field(5, ge=1)", field))
    with pytest.raises(BadPlugin, match=r"the settings of source kafka would be STOCKML_KAFKA_(SERVERS|X),"):
        load(_env_file=None, source="kafka")
