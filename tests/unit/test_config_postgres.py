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
