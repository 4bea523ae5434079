"""Migrations follow one another in one line."""

from stock_ml.adapters.postgres.migrate import MIGRATIONS


def test_each_migration_has_a_number_of_its_own_and_follows_the_one_before() -> None:
    from alembic.config import Config  # Alembic takes half a second, which each worker would pay
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    line = [step.revision for step in ScriptDirectory.from_config(config).walk_revisions()][::-1]
    assert line == [f"{number:04}" for number in range(1, len(line) + 1)]
    assert len(line) == len(list((MIGRATIONS / "versions").glob("*.py")))
