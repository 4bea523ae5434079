"""Every version of the model, for people: which there are, and which to go back to."""

from typing import NamedTuple

from stock_ml.adapters.mlflow.registry import CHAMPION, PROMOTED_AT, Registry
from stock_ml.adapters.mlflow.rest import tags
from stock_ml.errors import ModelError

MOST = 10_000  # versions


class Version(NamedTuple):
    """Hold what is known of a version; times in UTC epoch seconds."""

    number: str
    aliases: list[str]
    registered_at: float
    run_id: str
    tags: dict[str, str]

    @property
    def appointed(self) -> bool:
        """Say whether it is, or was, to serve: one whose training was killed before that has neither alias nor tag."""
        return bool(self.aliases) or PROMOTED_AT in self.tags


def versions(registry: Registry) -> list[Version]:
    """Return every version, newest first. Raises RegistryUnavailable."""
    wanted = {"filter": f"name = '{registry.model}'", "order_by": "version_number DESC", "max_results": str(MOST)}
    found = registry.api.get("model-versions/search", wanted).model_versions
    aliases = _aliases(registry) if found else {}
    return [
        Version(v.version, sorted(aliases.get(v.version, [])), v.creation_timestamp / 1000, v.run_id, tags(v))
        for v in found
    ]


def _aliases(registry: Registry) -> dict[str, list[str]]:
    """Return the aliases of each version that has one."""
    found = registry.api.find("registered-models/get", {"name": registry.model}).registered_model
    aliases: dict[str, list[str]] = {}
    for entry in found.aliases:
        aliases.setdefault(entry.version, []).append(entry.alias)
    return aliases


def promote(registry: Registry, number: str, by: str) -> str | None:
    """Make a version champion and return the one that it replaces. Raises ModelError where there is no such version."""
    there = [version.number for version in versions(registry)]
    if number not in there:
        raise ModelError(f"{registry.model} has no version {number!r:.20}; there are: {', '.join(there) or 'none'}")
    return registry.promote(number, by)


def rollback(registry: Registry, by: str) -> tuple[str, str]:
    """Make the version champion again that the champion replaced; return the old and the new champion.

    Its own tag `replaced` stays, so that the next rollback goes one further back, and not forth again.
    Raises ModelError where there is none to go back to.
    """
    champion = next((v for v in versions(registry) if CHAMPION in v.aliases), None)
    if champion is None or "replaced" not in champion.tags:
        reason = "there is no champion" if champion is None else f"version {champion.number} replaced none"
        raise ModelError(f"{reason}: there is nothing to go back to; `stockml models` lists the versions")
    before = champion.tags["replaced"]
    if before not in {version.number for version in versions(registry)}:
        raise ModelError(f"version {before}, which version {champion.number} replaced, was deleted: promote another")
    registry.restore(before, champion.number, by)
    return champion.number, before
