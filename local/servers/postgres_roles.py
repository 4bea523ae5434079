"""The roles of PostgreSQL: an owner for each database, and one that only reads what the dashboard shows.

The superuser `stockml` makes them, and no service logs in as it. Each `make up` brings an older
server to this, whose databases all belonged to the superuser.
"""

from collections.abc import Iterator

from psycopg import sql
from pydantic import SecretStr

from stock_ml.adapters.postgres.connection import PgConnection, admin_connection
from stock_ml.config import DATABASES, READER, SUPERUSER, Settings, owner_of

# what the superuser made in a database of an older installation, each as ALTER names it; a sequence of a
# column goes with its table, and a part of an extension with the extension
FOREIGN = """
with named (kind, name, class, id) as (
    select 'schema', format('%%I', nspname), 'pg_namespace'::regclass, oid from pg_namespace
    where nspowner = to_regrole(%(superuser)s) and nspname !~ '^pg_' and nspname <> 'information_schema'
    union all
    select case relkind when 'v' then 'view' when 'm' then 'materialized view' when 'S' then 'sequence'
        else 'table' end, oid::regclass::text, 'pg_class'::regclass, oid from pg_class
    where relowner = to_regrole(%(superuser)s) and relkind in ('r', 'p', 'v', 'm', 'S')
        and relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all
    select 'routine', oid::regprocedure::text, 'pg_proc'::regclass, oid from pg_proc
    where proowner = to_regrole(%(superuser)s) and pronamespace::regnamespace::text !~ '^(pg_|information_schema)'
    union all
    select 'type', oid::regtype::text, 'pg_type'::regclass, oid from pg_type
    where typowner = to_regrole(%(superuser)s) and typtype in ('e', 'd', 'r')
        and typnamespace::regnamespace::text !~ '^(pg_|information_schema)'
)
select kind, name from named where not exists (
    select from pg_depend where classid = class and objid = id
        and (deptype = 'e' or (kind = 'sequence' and deptype in ('a', 'i')))
)
"""
HIDDEN = """
select oid::regclass::text from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')
    and not has_table_privilege(%s, oid, 'select')
"""


def ensure_roles(s: Settings) -> None:
    """Make the databases and their roles where they are missing, and give each database to its owner.

    A second run changes nothing but salts of passwords. Raises StoreUnavailable.
    """
    with admin_connection(s, "postgres") as connection:
        there = {name for (name,) in connection.execute("select rolname from pg_roles").fetchall()}
        for role, password in _logins(s):
            _ensure_login(connection, role, password, there)
        for database in DATABASES:
            _ensure_database(connection, database)
    for database in DATABASES:
        with admin_connection(as_superuser(s), database) as connection, connection.transaction():
            _give_contents(connection, owner_of(database))
            if database == "stockml":
                _let_read(connection)


def as_superuser(s: Settings) -> Settings:
    """Return the settings with which every database is opened by the superuser."""
    names = [f"postgres_{name}_password" for name in (*DATABASES, "reader")]
    return s.model_copy(update=dict.fromkeys(names))


def _logins(s: Settings) -> Iterator[tuple[str, SecretStr | None]]:
    for database in DATABASES:
        yield owner_of(database), s.password_of(database)
    yield READER, s.postgres_reader_password


def _ensure_login(connection: PgConnection, role: str, password: SecretStr | None, there: set[str]) -> None:
    if password is None:
        return
    name, verb = sql.Identifier(role), "alter" if role in there else "create"
    # hashed here: the server's log and its list of statements never hold the password
    hashed = connection.pgconn.encrypt_password(password.get_secret_value().encode(), role.encode(), b"scram-sha-256")
    words = "{} role {} login nosuperuser nocreatedb nocreaterole noreplication nobypassrls password {}"
    connection.execute(sql.SQL(words).format(sql.SQL(verb), name, sql.Literal(hashed.decode())))


def _ensure_database(connection: PgConnection, database: str) -> None:
    name, owner = sql.Identifier(database), sql.Identifier(owner_of(database))
    found = connection.execute(
        "select datdba::regrole::text from pg_database where datname = %s", [database]
    ).fetchone()
    if found is None:
        connection.execute(sql.SQL("create database {} owner {}").format(name, owner))
    elif found[0] == SUPERUSER:
        connection.execute(sql.SQL("alter database {} owner to {}").format(name, owner))
    connection.execute(sql.SQL("revoke all on database {} from public").format(name))


def _give_contents(connection: PgConnection, owner: str) -> None:
    for kind, name in connection.execute(FOREIGN, {"superuser": SUPERUSER}).fetchall():
        words = f"alter {kind} {name} owner to {{}}"  # the server quoted the name
        connection.execute(sql.SQL(words).format(sql.Identifier(owner)))


def _let_read(connection: PgConnection) -> None:
    owner, reader = sql.Identifier(owner_of("stockml")), sql.Identifier(READER)
    for words in (
        "grant connect on database stockml to {reader}",
        "grant usage on schema public to {reader}",
        "alter default privileges for role {owner} grant select on tables to {reader}",
        "alter default privileges for role {owner} grant usage on schemas to {reader}",  # a restore makes it anew
    ):
        connection.execute(sql.SQL(words).format(owner=owner, reader=reader))
    for (name,) in connection.execute(HIDDEN, [READER]).fetchall():
        connection.execute(sql.SQL(f"grant select on {name} to {{}}").format(reader))
