"""The address of a PostgreSQL that a person brings."""

import pytest
from psycopg.conninfo import conninfo_to_dict

from stock_ml.config import load
from stock_ml.errors import BadSetting


@pytest.mark.parametrize(
    "given", ["postgresql://u:p%40@h:6000", "postgres://u:p%40@h:6000/", "postgresql://u:p%40@h:6000/x"]
)
def test_the_name_of_the_database_takes_its_place(given: str) -> None:
    assert load(postgres_url=given).postgres("mlflow") == "postgresql://u:p%40@h:6000/mlflow"


def test_options_stay_behind_the_name() -> None:
    told = load(postgres_url="postgresql://u:p@h:6000?sslmode=verify-full&sslrootcert=/ca.pem").postgres("airflow")
    read = conninfo_to_dict(told)
    assert (read["dbname"], read["sslmode"], read["sslrootcert"]) == ("airflow", "verify-full", "/ca.pem")


def test_several_hosts_are_kept() -> None:
    read = conninfo_to_dict(load(postgres_url="postgresql://u:p@a:1,b:2?target_session_attrs=read-write").postgres())
    assert (read["host"], read["port"], read["dbname"]) == ("a,b", "1,2", "stockml")


@pytest.mark.parametrize(
    "given", ["h:6000/hidden", "mysql://u:hidden@h", "postgresql+psycopg2://u:hidden@h", "postgresql://"]
)
def test_what_is_no_address_is_refused_by_name_without_its_password(given: str) -> None:
    with pytest.raises(BadSetting, match=r"STOCKML_POSTGRES_URL: .*postgresql://") as told:
        load(postgres_url=given)
    assert "hidden" not in str(told.value)


PASSWORDS = {"postgres_password": "s", "postgres_airflow_password": "a", "postgres_mlflow_password": "m"}
PASSWORDS |= {"postgres_stockml_password": "o", "postgres_reader_password": "r"}


def login(database: str, **given: str) -> tuple[str, str]:
    """Return user and password of an address."""
    read = conninfo_to_dict(load(**given).postgres(database))
    return str(read["user"]), str(read.get("password", ""))


@pytest.mark.parametrize("given", [{}, {"postgres_url": "postgresql://postgres:5432"}])
def test_each_database_is_opened_by_its_owner_and_others_by_the_superuser(given: dict[str, str]) -> None:
    given = given | PASSWORDS
    owners = {"airflow": ("airflow_owner", "a"), "mlflow": ("mlflow_owner", "m"), "stockml": ("stockml_owner", "o")}
    assert {database: login(database, **given) for database in owners} == owners
    assert login("postgres", **given) == ("stockml", "s")


def test_a_process_that_has_the_readers_password_alone_reads() -> None:
    assert login("stockml", postgres_reader_password="r/@") == ("stockml_reader", "r/@")
    assert login("stockml", postgres_reader_password="r", postgres_stockml_password="o")[0] == "stockml_owner"


def test_a_brought_address_keeps_its_user_and_one_without_a_password_stays_as_it_is() -> None:
    assert login("airflow", postgres_url="postgresql://u:p@h", **PASSWORDS) == ("u", "p")
    assert load(postgres_url="postgresql://h:5432?user=u&sslcert=c").postgres() == (
        "postgresql://h:5432/stockml?user=u&sslcert=c"
    )
