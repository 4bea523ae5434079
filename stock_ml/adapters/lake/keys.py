"""Build and read every key of the bucket: the answer to "Where in S3?".

Every key but those of MLflow begins with a folder and the source, here `S`:

| key | content |
|---|---|
| `raw/source=S/symbol=A/month=2024-03/<sha256>` | a response as received; `month=all` for a whole file |
| `clean/source=S/symbol=A/month=2024-03/bars.parquet` | the clean bars of a month |
| `quality/source=S/symbol=A/month=2024-03.json` | the report of a clean month |
| `quality/source=S/symbol=A/month=2024-03/refused-<sha256>.csv` | the refused rows of a response |
| `quality/source=S/symbol=A/month=2024-03/failed-<sha256>.json` | the report of a response that did not pass |
| `quality/source=S/symbol=A/month=2024-03/asked.json` | the last request whose response was stored already |
| `quality/source=S/symbol=A/left.json` | the months that a spent day left to request |
| `quality/source=S/together/month=2024-03.json` | the gaps that all symbols of a month share |
| `quality/source=S/runs/<run>.json` | the report of a run of `ingest_bars` |
| `quality/source=S/convention.json` | the source's timestamp convention |
| `quality/source=S/labels/symbol=A.json` | what a symbol's bars say of that convention |
| `scratch/source=S/<name>/…` | what Spark writes during one training, deleted at its end |
| `archive/source=S/<table>/day=2024-03-01/<table>.parquet` | a day that left PostgreSQL |
| `backups/source=S/<time>/<part>` | a database's dump, in the backups' bucket; `manifest.json`, signed, is last |
| `logs/source=S/dag_id=…` | the logs of Airflow's tasks, which Airflow writes and reads |
| `mlflow/…` | MLflow's artifacts, which its server writes and reads |

A function named for a folder returns a prefix, which ends in `/`.
"""

from stock_ml.domain.symbols import folder_of, symbol_of_folder

MANIFEST = "manifest.json"
MLFLOW_FOLDER = "mlflow/"


def raw_folder(source: str, symbol: str) -> str:
    """Return the prefix of a symbol's responses."""
    return f"raw/source={source}/symbol={folder_of(symbol)}/"


def raw_month_folder(source: str, symbol: str, month: str) -> str:
    """Return the prefix of the responses for a symbol's month."""
    return f"{raw_folder(source, symbol)}month={month}/"


def raw(source: str, symbol: str, month: str, sha256: str) -> str:
    """Return the key of a response with this digest of its body."""
    return raw_month_folder(source, symbol, month) + sha256


def raw_parts(key: str) -> tuple[str, str]:
    """Return symbol and month of a key in raw/."""
    folder, month = (part.partition("=")[2] for part in key.split("/")[2:4])
    return symbol_of_folder(folder), month


def raw_sha256(key: str) -> str:
    """Return the digest that ends a key in raw/."""
    return key.rpartition("/")[2]


def clean_folder(source: str, symbol: str | None = None) -> str:
    """Return the prefix of the clean bars of a symbol, or of all."""
    return f"clean/source={source}/" + (f"symbol={folder_of(symbol)}/" if symbol else "")


def clean(source: str, symbol: str, month: str) -> str:
    """Return the key of a month of clean bars."""
    return f"{clean_folder(source, symbol)}month={month}/bars.parquet"


def month_of(key: str) -> str:
    """Return the month of a key in raw/ or clean/, or below a month in quality/."""
    return key.split("/month=")[1].partition("/")[0]


def quality_months(source: str, symbol: str) -> str:
    """Return the beginning of all keys that hold something of a symbol's months."""
    return f"{_quality(source, symbol)}month="


def quality(source: str, symbol: str, month: str) -> str:
    """Return the key of the report of a clean month."""
    return f"{quality_months(source, symbol)}{month}.json"


def refused(source: str, symbol: str, month: str, sha256: str) -> str:
    """Return the key of the refused rows of a response."""
    return f"{quality_months(source, symbol)}{month}/refused-{sha256}.csv"


def failed(source: str, symbol: str, month: str, sha256: str) -> str:
    """Return the key of the report of a response that did not pass."""
    return f"{quality_months(source, symbol)}{month}/failed-{sha256}.json"


def is_failed(key: str) -> bool:
    """Tell whether a key in quality/ is of a response that did not pass."""
    return "/failed-" in key


def last_request(source: str, symbol: str, month: str) -> str:
    """Return the key of a month's last request whose response was stored already."""
    return f"{quality_months(source, symbol)}{month}/asked.json"


def is_last_request(key: str) -> bool:
    """Tell whether a key in quality/ is of a month's last request."""
    return key.endswith("/asked.json")


def left(source: str, symbol: str) -> str:
    """Return the key of the months that a spent day left to request."""
    return f"{_quality(source, symbol)}left.json"


def shared_gaps(source: str, month: str) -> str:
    """Return the key of the gaps that all symbols of a month share."""
    return f"quality/source={source}/together/month={month}.json"


def run_reports_folder(source: str) -> str:
    """Return the prefix of the reports of runs of `ingest_bars`."""
    return f"quality/source={source}/runs/"


def run_report(source: str, run: str) -> str:
    """Return the key of the report of a run of `ingest_bars`."""
    return f"{run_reports_folder(source)}{run}.json"


def convention(source: str) -> str:
    """Return the key of the source's timestamp convention."""
    return f"quality/source={source}/convention.json"


def label_evidence(source: str, symbol: str) -> str:
    """Return the key of what a symbol's bars say of the source's timestamp convention."""
    return f"{label_evidence_folder(source)}symbol={folder_of(symbol)}.json"


def label_evidence_folder(source: str) -> str:
    """Return the prefix of what symbols' bars say of the source's timestamp convention."""
    return f"quality/source={source}/labels/"


def scratch_folder(source: str, name: str) -> str:
    """Return the prefix of what Spark writes under a name."""
    return f"scratch/source={source}/{name}/"


def archive_folder(source: str, table: str) -> str:
    """Return the prefix of the archived days of a table."""
    return f"archive/source={source}/{table}/"


def archive(source: str, table: str, day: str) -> str:
    """Return the key of an archived day (YYYY-MM-DD) of a table."""
    return f"{archive_folder(source, table)}day={day}/{table}.parquet"


def archive_day(key: str) -> str:
    """Return the day of a key in archive/."""
    return key.split("/day=")[1].partition("/")[0]


def backups_folder(source: str) -> str:
    """Return the prefix of all backups."""
    return f"backups/source={source}/"


def backup(source: str, name: str, part: str) -> str:
    """Return the key of a part of a backup."""
    return f"{backups_folder(source)}{name}/{part}"


def backup_name(key: str) -> str:
    """Return the name of the backup that a key in backups/ is of."""
    return key.split("/")[2]


def is_manifest(key: str) -> bool:
    """Tell whether a key in backups/ is of a manifest."""
    return key.endswith(f"/{MANIFEST}")


def logs_folder(source: str) -> str:
    """Return the prefix of the logs of Airflow's tasks."""
    return f"logs/source={source}/"


def _quality(source: str, symbol: str) -> str:
    return f"quality/source={source}/symbol={folder_of(symbol)}/"
