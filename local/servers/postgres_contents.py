"""What a PostgreSQL server holds, in figures that two servers can be compared by."""

from collections.abc import Mapping

import psycopg
from psycopg import sql

from local.servers.postgres_roles import as_superuser
from stock_ml.config import Settings

KINDS = {"r": "table", "p": "partitioned table", "m": "materialized view", "v": "view", "f": "foreign table"}
KINDS |= {"i": "index", "I": "partitioned index", "S": "sequence"}
DATABASES = "select datname, datallowconn from pg_database where datname !~ '^template[01]$' order by oid"
ROLES = r"select rolname from pg_roles where rolname !~ '^pg_'"
# what an extension brings may differ from version to version
RELATIONS = r"""
select n.nspname, c.relname, c.relkind from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind = any(%s) and n.nspname !~ '^pg_' and n.nspname <> 'information_schema'
and not exists (select from pg_depend d where d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype = 'e')
"""
FIGURES = {
    "r": "select count(*) || ' rows' from {}",
    "m": "select count(*) || ' rows' from {}",
    "S": "select 'at ' || last_value || case when is_called then '' else ', unused' end from {}",
}


def databases(s: Settings) -> list[str]:
    """Return the names of a server's databases that take connections, without the templates."""
    with psycopg.connect(as_superuser(s).postgres("postgres")) as connection:
        return [str(name) for name, open_ in connection.execute(DATABASES).fetchall() if open_]


def contents(s: Settings) -> dict[str, str]:
    """Return each role, database and relation of a server with its rows, position or "there"."""
    with psycopg.connect(as_superuser(s).postgres("postgres")) as connection:
        found = {f"role {name}": "there" for (name,) in connection.execute(ROLES).fetchall()}
        found |= {f"database {name}": "there" for name, _ in connection.execute(DATABASES).fetchall()}
    for database in databases(s):
        found |= _relations(s, database)
    return found


def differences(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    """Return what two servers do not have in common, each in words."""
    return [
        f"{name}: {before.get(name, 'missing')} before, {after.get(name, 'missing')} after"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]


def _relations(s: Settings, database: str) -> dict[str, str]:
    with psycopg.connect(as_superuser(s).postgres(database)) as connection:
        found = connection.execute(RELATIONS, [list(KINDS)]).fetchall()
        return {
            f"{database}: {KINDS[kind]} {schema}.{name}": _figure(connection, kind, sql.Identifier(schema, name))
            for schema, name, kind in found
        }


def _figure(connection: psycopg.Connection, kind: str, name: sql.Identifier) -> str:
    if kind not in FIGURES:
        return "there"
    row = connection.execute(sql.SQL(FIGURES[kind]).format(name)).fetchone()
    return str(row[0]) if row else "there"
