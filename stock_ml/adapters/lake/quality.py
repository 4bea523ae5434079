"""What is kept of a month's quality beside its report: refused rows, failed reports, what concerns all symbols."""

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from stock_ml.adapters.lake import keys
from stock_ml.adapters.lake.objects import Objects
from stock_ml.domain.ingest_records import Failure, LastRequest, QualityReport, RunReport, SharedGaps

JSON, CSV = "application/json", "text/csv"
MISSING = "missing"


@dataclass(frozen=True)
class QualityStore:
    """Read and write below quality/; every method raises StoreUnavailable where the store does not answer."""

    objects: Objects
    source: str

    def write_refused(self, symbol: str, month: str, raw: str, rows: pd.DataFrame) -> str:
        """Keep the refused rows of the answer under the key `raw` as CSV, each with its reason; return the key."""
        key = keys.refused(self.source, symbol, month, keys.raw_sha256(raw))
        self.objects.put(key, rows.to_csv(index=False).encode(), CSV)
        return key

    def write_failed(self, symbol: str, month: str, report: Failure | QualityReport, reason: str) -> str:
        """Store the report of a month that did not pass, and why, beside the one of what is clean; return the key."""
        key = keys.failed(self.source, symbol, month, keys.raw_sha256(report["raw"]))
        return self._put(key, {**report, "failed": reason})

    def has_failed(self, symbol: str, month: str, raw: str) -> bool:
        """Say whether the answer under the key `raw` did not pass, or could not be read."""
        return self.objects.head(keys.failed(self.source, symbol, month, keys.raw_sha256(raw))) is not None

    def forget_answer(self, symbol: str, month: str, raw: str) -> None:
        """Delete what stands beside a month's report of the answer that was under the key `raw`."""
        for key in (keys.refused, keys.failed):
            self.objects.delete(key(self.source, symbol, month, keys.raw_sha256(raw)))

    def failures(self, symbol: str) -> dict[str, str]:
        """Return by month why an answer did not pass, or could not be read."""
        found = filter(keys.is_failed, self.objects.keys(keys.quality_months(self.source, symbol)))
        bodies = {keys.month_of(key): self.objects.get(key) for key in found}
        return {month: str(json.loads(body)["failed"]) for month, body in bodies.items() if body}

    def write_last_request(self, symbol: str, month: str, answer: LastRequest) -> str:
        """Store a month's last request whose answer is in raw/ already, and return the key."""
        return self._put(keys.last_request(self.source, symbol, month), answer)

    def read_last_request(self, symbol: str, month: str) -> LastRequest | None:
        """Return what `write_last_request` stored of a month, None where there is nothing."""
        found = self.objects.get(keys.last_request(self.source, symbol, month))
        return json.loads(found) if found else None

    def forget_last_requests(self, symbol: str) -> None:
        """Delete what `write_last_request` stored of a symbol."""
        for key in self.objects.keys(keys.quality_months(self.source, symbol)):
            if keys.is_last_request(key):
                self.objects.delete(key)

    def write_shared_gaps(self, month: str, report: SharedGaps) -> str:
        """Store what concerns all symbols of a month, and return the key."""
        return self._put(keys.shared_gaps(self.source, month), report)

    def read_shared_gaps(self, month: str) -> SharedGaps | None:
        """Return what concerns all symbols of a month, None where nothing is stored."""
        found = self.objects.get(keys.shared_gaps(self.source, month))
        return json.loads(found) if found else None

    def write_run(self, run: str, report: RunReport) -> str:
        """Store what a run cleaned, and return the key."""
        # in the object the missing ones stand beside the symbols, which have capital letters
        missing = {MISSING: report["missing"]} if report["missing"] else {}
        return self._put(keys.run_report(self.source, run), {**report["symbols"], **missing})

    def read_run(self, run: str) -> RunReport:
        """Return what a run cleaned, nothing where no report of it is stored."""
        found = json.loads(self.objects.get(keys.run_report(self.source, run)) or b"{}")
        return {"missing": found.pop(MISSING, {}), "symbols": found}

    def write_left(self, symbol: str, months: list[str]) -> str:
        """Remember which months a spent day left to ask for, none where all were given; return the key."""
        key = keys.left(self.source, symbol)
        if months:
            self._put(key, {"months": months})
        else:
            self.objects.delete(key)
        return key

    def read_left(self, symbol: str) -> list[str]:
        """Return which months a spent day left to ask for."""
        found = self.objects.get(keys.left(self.source, symbol))
        return list(json.loads(found)["months"]) if found else []

    def _put(self, key: str, report: Mapping[str, object]) -> str:
        self.objects.put(key, json.dumps(report, indent=1, sort_keys=True).encode(), JSON)
        return key
