"""Days that left the database: bars and forecasts as they were stored, one Parquet object a table and UTC day."""

import io
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import csv

from stock_ml.adapters.lake import keys
from stock_ml.adapters.lake.objects import Objects
from stock_ml.config import Settings
from stock_ml.errors import StoreUnavailable

KEYS = {"bars": ["symbol", "ts"], "forecasts": ["symbol", "bar_ts", "horizon"]}
KEYS["replaced_bars"] = [*KEYS["bars"], "revision"]
KEYS["shadow_forecasts"] = [*KEYS["forecasts"], "model_version"]
TIMES = ("ts", "bar_ts", "target_ts", "trained_until", "made_at", "stored_at")
KINDS: dict[str, pa.DataType] = dict.fromkeys(TIMES, pa.timestamp("us", "UTC"))
KINDS |= dict.fromkeys(("symbol", "source", "model_version"), pa.string()) | {"session": pa.date32()}
KINDS |= dict.fromkeys(("filled", "late", "outlier"), pa.bool_()) | dict.fromkeys(("horizon", "revision"), pa.int16())


@dataclass(frozen=True)
class Archive:
    """Keep and read days; every method raises StoreUnavailable where the store does not answer."""

    objects: Objects
    source: str

    @classmethod
    def connect(cls, s: Settings) -> "Archive":
        """Return the installation's archive; nothing is sent yet."""
        return cls(Objects.connect(s), s.source)

    def add(self, table: str, day: str, rows: bytes) -> int:
        """Keep a day's rows, given as CSV with a header, and count them; they are read back before it returns.

        A row whose key is kept already stays as it is, but for a filled bar, which gives way to the bar that came, and
        a bar of which a newer version came.
        """
        new = _from_csv(rows)
        old = self.read(table, day)
        kept = new if old is None else _merge(old, new, KEYS[table])
        body, key = _to_bytes(kept), keys.archive(self.source, table, day)
        self.objects.put(key, body, "application/vnd.apache.parquet")
        if self.objects.get(key) != body:
            raise StoreUnavailable(f"{key} does not hold what was put there; nothing was dropped")
        return int(new.num_rows)

    def read(self, table: str, day: str) -> pa.Table | None:
        """Return a day's rows as an Arrow table, None where there are none."""
        body = self.objects.get(keys.archive(self.source, table, day))
        return pq.read_table(io.BytesIO(body)) if body else None

    def days(self, table: str) -> list[str]:
        """Return the days that are kept of a table, YYYY-MM-DD in UTC, ascending."""
        return [keys.archive_day(key) for key in self.objects.keys(keys.archive_folder(self.source, table))]


def _from_csv(rows: bytes) -> pa.Table:
    names = rows.partition(b"\n")[0].decode().split(",")
    kinds = {name: KINDS.get(name, pa.float64()) for name in names}
    options = csv.ConvertOptions(column_types=kinds, true_values=["t"], false_values=["f"])
    return csv.read_csv(io.BytesIO(rows), convert_options=options)


def _merge(old: pa.Table, new: pa.Table, key: list[str]) -> pa.Table:
    both = pa.concat_tables([old, new], promote_options="default")
    frame = both.select(sorted({*key, "filled", "revision"} & set(both.column_names))).to_pandas()
    if "revision" in frame:  # days of before revisions had numbers have none
        frame = frame.assign(revision=frame["revision"].fillna(0)).sort_values(
            "revision", ascending=False, kind="stable"
        )
    if "filled" in frame:
        frame = frame.sort_values("filled", kind="stable")
    first = frame.drop_duplicates(key).sort_values(key).index
    return both.take(pa.array(first))


def _to_bytes(table: pa.Table) -> bytes:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()
