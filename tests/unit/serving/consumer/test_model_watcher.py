from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event

import pytest

from serving.consumer.last_champion import ChampionFile
from serving.consumer.model_watcher import NONE_YET, ModelWatcher
from serving.consumer.predict import Serving
from stock_ml.adapters.mlflow.records import ModelVersion
from stock_ml.errors import ModelError, RegistryUnavailable
from stock_ml.model.features import schema
from stock_ml.model.scorer import Scorer
from tests.unit.serving.streams import CONFIG, SCORER

MINE = CONFIG.schema


@dataclass
class Models:
    alias: str | None = None
    second: str | None = None
    away: bool = False
    versions: dict[str, Scorer | ModelError] = field(default_factory=dict)
    loads: int = 0

    def champion(self) -> ModelVersion | None:
        if self.away:
            raise RegistryUnavailable("MLflow does not answer")
        return ModelVersion(self.alias, f"run-{self.alias}") if self.alias else None

    def challenger(self) -> ModelVersion | None:
        return ModelVersion(self.second, f"run-{self.second}") if self.second else None

    def load(self, version: str) -> Scorer:
        self.loads += 1
        found = self.versions[version]
        if isinstance(found, ModelError):
            raise found
        return found


def version(champion: ModelWatcher) -> str | None:
    return champion.models.champion.version if champion.models.champion else None


def shadow(champion: ModelWatcher) -> str | None:
    return champion.models.challenger.version if champion.models.challenger else None


def test_it_waits_for_a_champion_and_serves_it_when_it_comes() -> None:
    models = Models(versions={"1": SCORER})
    champion = ModelWatcher(models, MINE)
    champion.refresh()
    assert (champion.is_known, version(champion), champion.fault) == (True, None, NONE_YET)
    models.alias = "1"
    champion.refresh()
    assert (version(champion), champion.fault) == ("1", None)


def test_a_new_version_takes_over_and_the_same_one_is_not_loaded_again() -> None:
    models = Models("1", versions={"1": SCORER, "2": replace(SCORER, intercept=1.0)})
    champion = ModelWatcher(models, MINE)
    for _ in range(3):
        champion.refresh()
    models.alias = "2"
    champion.refresh()
    assert (version(champion), models.loads) == ("2", 2)


@pytest.mark.parametrize(
    "unfit",
    [replace(SCORER, schema=schema(20, 1, 5)), replace(SCORER, schema=schema(16, 1, 15)), ModelError("damaged")],
)
def test_an_unfit_version_is_refused_with_its_reason_and_the_old_one_serves_on(unfit: Scorer | ModelError) -> None:
    models = Models("1", versions={"1": SCORER, "2": unfit})
    champion = ModelWatcher(models, MINE)
    champion.refresh()
    models.alias = "2"
    for _ in range(3):
        champion.refresh()
    assert (version(champion), models.loads) == ("1", 2)
    assert "version 2 is refused" in str(champion.fault)
    models.alias = "1"
    champion.refresh()
    assert champion.fault is None


def test_a_challenger_is_loaded_beside_the_champion_until_nobody_challenges_or_it_won() -> None:
    models = Models("1", "2", versions={"1": SCORER, "2": replace(SCORER, intercept=1.0)})
    champion = ModelWatcher(models, MINE)
    for _ in range(2):
        champion.refresh()
    assert (version(champion), shadow(champion), models.loads) == ("1", "2", 2)
    models.second = None
    champion.refresh()
    assert (version(champion), shadow(champion)) == ("1", None)
    models.alias = models.second = "2"
    champion.refresh()
    assert (version(champion), shadow(champion)) == ("2", None)


def test_a_challenger_that_cannot_serve_is_logged_once_and_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    models = Models("1", "2", versions={"1": SCORER, "2": ModelError("damaged")})
    champion = ModelWatcher(models, MINE)
    for _ in range(3):
        champion.refresh()
    assert (version(champion), shadow(champion), champion.fault, models.loads) == ("1", None, None, 2)
    assert [r.message for r in caplog.records if "refused" in r.message] == ["refused model_version=2 reason=damaged"]


def test_while_mlflow_is_unavailable_at_the_start_the_champion_is_unknown() -> None:
    models = Models("1", away=True, versions={"1": SCORER})
    champion = ModelWatcher(models, MINE)
    champion.refresh()
    assert (champion.is_known, champion.fault) == (False, "MLflow does not answer")
    models.away = False
    champion.refresh()
    assert (champion.is_known, version(champion)) == (True, "1")


def test_a_restart_while_mlflow_is_unavailable_serves_the_champion_of_before(tmp_path: Path) -> None:
    kept = ChampionFile(tmp_path / "consumer" / "champion.json")
    models = Models("1", versions={"1": SCORER, "2": replace(SCORER, intercept=1.0)})
    ModelWatcher(models, MINE, kept).refresh()
    models.away = True
    again = ModelWatcher(models, MINE, kept)
    again.refresh()
    assert (again.is_known, again.fault) == (True, "MLflow does not answer")
    assert again.models.champion is not None
    assert again.models.champion == ("1", "run-1", SCORER)
    models.away, models.alias = False, "2"
    again.refresh()
    assert (version(again), again.fault) == ("2", None)
    kept_now = kept.read()
    assert kept_now is not None
    assert kept_now.version == "2"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"version": "1", "run_id": "a", "scorer": "{}"}', None])
def test_a_champion_that_was_not_kept_whole_or_does_not_fit_is_not_served(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "champion.json"
    kept = ChampionFile(path)
    if text is None:
        kept.write(Serving("1", "a", replace(SCORER, schema=schema(20, 1, 5))))
    else:
        path.write_text(text)
    champion = ModelWatcher(Models("1", away=True), MINE, kept)
    champion.refresh()
    assert (champion.is_known, version(champion)) == (False, None)


def test_a_champion_that_cannot_be_kept_serves(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    champion = ModelWatcher(
        Models("1", versions={"1": SCORER}), MINE, ChampionFile(tmp_path / "file" / "champion.json")
    )
    champion.refresh()
    assert version(champion) == "1"


def test_while_mlflow_is_unavailable_later_the_old_champion_serves() -> None:
    models = Models("1", versions={"1": SCORER, "2": RegistryUnavailable("gone while loading")})
    champion = ModelWatcher(models, MINE)
    champion.refresh()
    models.alias = "2"
    champion.refresh()
    assert (version(champion), champion.fault) == ("1", "gone while loading")
    models.versions["2"] = SCORER
    champion.refresh()
    assert version(champion) == "2"


def test_the_watch_looks_until_it_is_stopped() -> None:
    stopping, champion = Event(), ModelWatcher(Models("1", versions={"1": SCORER}), MINE)
    thread = champion.watch(stopping, 0.001)
    while not champion.is_known:
        stopping.wait(0.001)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_watch_that_breaks_stops_the_process() -> None:
    stopping = Event()
    ModelWatcher(Models("1", versions={}), MINE).watch(stopping, 0.001).join(10)
    assert stopping.is_set()
