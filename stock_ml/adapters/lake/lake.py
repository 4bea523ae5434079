"""One source's responses, clean bars and reports in the object store; `keys` says where each is."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import pandas as pd

from stock_ml.adapters.lake import keys, parquet
from stock_ml.adapters.lake.objects import Objects
from stock_ml.adapters.lake.quality import QualityStore
from stock_ml.config import Settings
from stock_ml.domain.ingest_records import LabelEvidence, LastRequest, QualityReport
from stock_ml.errors import StoreUnavailable
from stock_ml.sources.parsing import WHOLE_FILE, Convention, Response

PARQUET, JSON = "application/vnd.apache.parquet", "application/json"
EVER = ("0000-00", "9999-99")  # months


@dataclass(frozen=True)
class Lake:
    """Read and write one source's objects; every method raises StoreUnavailable where the store does not answer."""

    objects: Objects
    source: str

    @classmethod
    def connect(cls, s: Settings) -> "Lake":
        """Return the installation's lake; nothing is sent yet."""
        return cls(Objects.connect(s), s.source)

    @property
    def quality(self) -> QualityStore:
        """Return what is kept beside the reports of clean months."""
        return QualityStore(self.objects, self.source)

    def ensure_bucket(self) -> None:
        """Create the bucket where it is missing (Airflow's amazon provider does so in an installation)."""
        self.objects.ensure_bucket()

    def put_raw(self, received: Response) -> str:
        """Store an answer as received, named by its sha256, unless it is there; return its key.

        An answer that is stored already stays, and the time of the new request is noted beside the month's report.
        """
        key = keys.raw(self.source, received.symbol, str(received.month), sha256(received.body).hexdigest())
        if self.objects.head(key) is None:
            known = {"source": received.source, "fetched_at": repr(received.fetched_at)}
            known["request"] = json.dumps(received.request, sort_keys=True)
            self.objects.put(key, received.body, received.content_type, known)
        elif received.month != WHOLE_FILE and received.fetched_at >= self.get_raw(key).fetched_at:
            again: LastRequest = {"raw": key, "fetched_at": received.fetched_at, "request": received.request}
            self.quality.write_last_request(received.symbol, str(received.month), again)
        return key

    def raw_keys(self, symbol: str, month: str) -> list[str]:
        """Return the keys of all answers stored for a symbol's month, sorted."""
        return self.objects.keys(keys.raw_month_folder(self.source, symbol, month))

    def received_months(self, symbol: str) -> list[str]:
        """Return the months YYYY-MM, or "all", of which answers are stored, sorted."""
        return sorted({keys.month_of(key) for key in self.objects.keys(keys.raw_folder(self.source, symbol))})

    def forget_raw(self, symbol: str, month: str, before: datetime) -> int:
        """Delete a month's answers from before a time, and count them; the newest and that of the clean bars stay.

        What was refused of an answer goes with it.
        """
        newest, report = self.newest_raw(symbol, month), self.read_quality(symbol, month)
        stay = {newest[0] if newest else None, report["raw"] if report else None}
        gone = self.objects.forget(keys.raw_month_folder(self.source, symbol, month), before, stay)
        for raw in gone:
            self.quality.forget_answer(symbol, month, raw)
        return len(gone)

    def forget_task_logs(self, before: datetime) -> int:
        """Delete the logs of Airflow's tasks that were last written before a time, and count them."""
        return len(self.objects.forget(keys.logs_folder(self.source), before))

    def forget_run_reports(self, before: datetime) -> int:
        """Delete the reports of runs of `ingest_bars` from before a time, and count them."""
        return len(self.objects.forget(keys.run_reports_folder(self.source), before))

    def get_raw(self, key: str) -> Response:
        """Return a stored answer byte for byte, with what was noted when it came."""
        found = self.objects.read(key)
        if found is None:
            raise StoreUnavailable(f"{key} is not in bucket {self.objects.bucket}: download it again")
        symbol, month = keys.raw_parts(key)
        head, body = found
        known = head["Metadata"]
        request, at = json.loads(known["request"]), float(known["fetched_at"])
        if again := self._last_request(key):
            request, at = again["request"], again["fetched_at"]
        return Response(known["source"], symbol, month, request, at, body, head["ContentType"])

    def request_of(self, key: str) -> dict[str, str]:
        """Return what the source was asked for when it gave an answer last, nothing where that is not stored."""
        again, head = self._last_request(key), self.objects.head(key)
        found: dict[str, str] = again["request"] if again else json.loads(head["Metadata"]["request"]) if head else {}
        return found

    def newest_raw(self, symbol: str, month: str) -> tuple[str, float] | None:
        """Return key and time (the source's clock) of the answer fetched last, None where there is none."""
        heads = ((key, self.objects.head(key)) for key in self.raw_keys(symbol, month))
        times = {key: float(head["Metadata"]["fetched_at"]) for key, head in heads if head}
        if again := self.quality.read_last_request(symbol, month) if times else None:
            times |= {again["raw"]: again["fetched_at"]} if again["raw"] is not None and again["raw"] in times else {}
        return max(times.items(), key=lambda found: (found[1], found[0]), default=None)

    def write_clean(self, symbol: str, month: str, bars: pd.DataFrame) -> str:
        """Store a month of clean bars as Parquet and return its key; the same bars give the same bytes."""
        key = keys.clean(self.source, symbol, month)
        self.objects.put(key, parquet.to_bytes(bars), PARQUET)
        return key

    def clean_months(self, symbol: str) -> list[str]:
        """Return the months of which clean bars are stored, sorted."""
        return [keys.month_of(key) for key in self.objects.keys(keys.clean_folder(self.source, symbol))]

    def drop_clean(self, symbol: str, month: str) -> None:
        """Forget a month of clean bars and its report; what was received stays."""
        self.objects.delete(keys.clean(self.source, symbol, month))
        self.objects.delete(keys.quality(self.source, symbol, month))

    def read_clean(self, symbols: Iterable[str] | None = None, months: tuple[str, str] = EVER) -> pd.DataFrame:
        """Return the clean bars of the symbols given, or of all, in the record's columns, by symbol and time.

        `months` are the first and the last one, YYYY-MM.
        """
        wanted = [None] if symbols is None else sorted(set(symbols))
        folders = [keys.clean_folder(self.source, symbol) for symbol in wanted]
        found = (key for folder in folders for key in self.objects.keys(folder))
        bodies = (self.objects.get(key) for key in found if months[0] <= keys.month_of(key) <= months[1])
        frames = [parquet.from_bytes(body) for body in bodies if body]
        bars = pd.concat(frames) if frames else parquet.empty()
        return bars.sort_values(["symbol", "ts"], kind="stable", ignore_index=True)

    def origins(self, symbols: Iterable[str]) -> set[str]:
        """Return the sha256 of every answer that the clean bars of these symbols are made from."""
        reports = [self.read_quality(symbol, month) for symbol in symbols for month in self.clean_months(symbol)]
        return {keys.raw_sha256(str(report["raw"])) for report in reports if report}

    def clean_digests(self, symbols: Iterable[str]) -> dict[str, str]:
        """Return the key of every month of clean bars of these symbols, each with what changes with its bytes."""
        found = (self.objects.digests(keys.clean_folder(self.source, symbol)) for symbol in symbols)
        return {key: digest for digests in found for key, digest in digests.items()}

    def clean_uri(self) -> str:
        """Return where Spark finds the clean bars; below it lie symbol=…/month=…/bars.parquet."""
        return f"s3a://{self.objects.bucket}/{keys.clean_folder(self.source).rstrip('/')}"

    @contextmanager
    def scratch(self, name: str) -> Iterator[str]:
        """Yield where Spark may write during the block; at its end, however it ends, all of it is forgotten."""
        folder = keys.scratch_folder(self.source, name)
        try:
            yield f"s3a://{self.objects.bucket}/{folder.rstrip('/')}"
        finally:
            for left in self.objects.keys(folder):
                self.objects.delete(left)

    def write_quality(self, symbol: str, month: str, report: QualityReport) -> str:
        """Store what cleaning did to a symbol's month, and return the key."""
        key = keys.quality(self.source, symbol, month)
        self.objects.put(key, json.dumps(report, indent=1, sort_keys=True).encode(), JSON)
        return key

    def read_quality(self, symbol: str, month: str) -> QualityReport | None:
        """Return the report of a symbol's month, None where there is none."""
        found = self.objects.get(keys.quality(self.source, symbol, month))
        return json.loads(found) if found else None

    def read_month(self, symbol: str, month: str) -> pd.DataFrame:
        """Return the clean bars of a symbol's month, none where there are none."""
        body = self.objects.get(keys.clean(self.source, symbol, month))
        return parquet.from_bytes(body) if body else parquet.empty()

    def write_convention(self, convention: Convention) -> None:
        """Remember what this source's labels mean."""
        self.objects.put(keys.convention(self.source), json.dumps({"labels": convention}).encode(), JSON)

    def convention(self) -> Convention | None:
        """Return what this source's labels mean, None until it was learned from history."""
        found = self.objects.get(keys.convention(self.source))
        return json.loads(found)["labels"] if found else None

    def write_label_evidence(self, symbol: str, evidence: LabelEvidence) -> None:
        """Remember what a symbol's bars say of this source's labels."""
        body = json.dumps(evidence, indent=1, sort_keys=True).encode()
        self.objects.put(keys.label_evidence(self.source, symbol), body, JSON)

    def label_evidence(self, symbols: Iterable[str]) -> list[LabelEvidence]:
        """Return what the bars of these symbols say of this source's labels, of those that were asked."""
        wanted = {keys.label_evidence(self.source, symbol) for symbol in symbols}
        # listed first: of thousands of symbols few have any, and the first ones that are cleaned look for all
        found = (
            self.objects.get(key) for key in self.objects.keys(keys.label_evidence_folder(self.source)) if key in wanted
        )
        return [json.loads(body) for body in found if body]

    def _last_request(self, key: str) -> LastRequest | None:
        symbol, month = keys.raw_parts(key)
        asked = None if month == WHOLE_FILE else self.quality.read_last_request(symbol, month)
        return asked if asked and asked["raw"] == key else None
