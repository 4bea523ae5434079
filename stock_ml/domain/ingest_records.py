"""The JSON records of an ingest, which Airflow passes between tasks and S3 stores."""

from typing import NotRequired, TypedDict

Gap = TypedDict("Gap", {"from": str, "minutes": int})
SharedGap = TypedDict("SharedGap", {"exchange": str, "from": str, "minutes": int})


class RevisionNote(TypedDict):
    """Note what a source changed of a month; `before` and `after` are the keys of the two responses.

    `compared` minutes, `changed` and `removed` ones among them, the `first` of either, a few of them in `shown`, and
    the `ratio` of new prices to old where one explains them all.
    """

    compared: int
    changed: int
    removed: int
    first: str | None
    shown: list[str]
    ratio: float | None
    before: str
    after: str


class IngestItem(TypedDict):
    """Say what one symbol's tasks have to do: `months` are YYYY-MM, or "all" of a file.

    `fault` says why nothing can be done for the symbol. The download adds by month the keys of responses (`raw`), and
    what the source revised.
    """

    symbol: str
    months: list[str]
    force: NotRequired[bool]
    fault: NotRequired[str]
    raw: NotRequired[dict[str, str]]
    revisions: NotRequired[dict[str, RevisionNote]]


class IngestBatch(TypedDict):
    """Hold the items that one task takes, and the source's clock when they were planned, UTC epoch seconds."""

    items: list[IngestItem]
    planned_at: float


class SymbolFailure(TypedDict):
    """Say why a symbol of a batch is not clean; of a batch that ended as a whole `symbol` is ""."""

    batch: int
    symbol: str
    reason: str


class CleaningRules(TypedDict):
    """State what clean bars depend on besides the responses; where it changes they are made again.

    `periods` is there where a session of the exchange is not one trading period, `evenings` where one opens on the
    evening before its date.
    """

    version: int
    exchange: str
    closures: list[str]
    feed_gap_minutes: int
    adjusted: NotRequired[bool]
    periods: NotRequired[bool]
    evenings: NotRequired[bool]
    labels: NotRequired[str]


class LabelSign(TypedDict):
    """Give one sign of what labels mark: its figure over so many sessions, and what it says: "start", "end" or ""."""

    sign: str
    figure: float | None
    sessions: int
    says: str


class LabelEvidence(TypedDict):
    """Say what the labels of a symbol's bars mark by its own bars, "start", "end" or "", and how sure that is.

    `sure` is "strong", "weak" (one sign alone), "contradictory" or "none"; `sessions` were looked at.
    """

    says: str
    sure: str
    sessions: int
    signs: list[LabelSign]


class LabelFinding(LabelEvidence):
    """Say beside the evidence which convention was applied, "start" or "end", and what it was taken from."""

    convention: str
    taken_from: str


class SessionCount(TypedDict):
    """Count the minutes of one session: bars received, filled, and minutes due."""

    received: int
    filled: int
    minutes: int


class ZeroVolume(TypedDict):
    """Count the bars without volume, their runs, and the bars in the longest run."""

    bars: int
    runs: int
    longest: int


class Outlier(TypedDict):
    """Name one bar that is far from its neighbours; `ts` is its open in UTC, ISO 8601."""

    ts: str
    low: float
    high: float


class Outliers(TypedDict):
    """Count the outliers of a month, and name the first of them."""

    count: int
    first: list[Outlier]


class MinuteReport(TypedDict):
    """Say what became of each regular minute of a time span.

    `sessions` (by YYYY-MM-DD) has the minutes of each session due by its end. `coverage` is the share received of those
    of complete sessions, None where there is none; `feed_coverage` is the share of theirs outside feed gaps. `left_out`
    are minutes without a trade at the edges of a trading period. A hole of at most `longest_silence` minutes is no feed
    gap: so long the symbol is silent by itself. `unknown_days` (by YYYY-MM-DD) counts the rows of days on which the
    feed traded, and the calendar has no session; it is there where it counts some.
    """

    filled: int
    left_out: int
    silent_minutes: int
    longest_silence: int
    feed_gap_minutes: int
    feed_gaps: list[Gap]
    closed_minutes: dict[str, int]
    sessions: dict[str, SessionCount]
    coverage: float | None
    feed_coverage: float | None
    unknown_days: NotRequired[dict[str, int]]


class ReportedClose(TypedDict):
    """Give the price of a session's closing auction; `ts` is the close in UTC, ISO 8601."""

    ts: str
    price: float
    volume: float


class RowReport(MinuteReport):
    """Say what became of each row of a month's responses, and of each minute.

    `no_trade` are rows without prices, or without a volume; `unknown_volume` those that begin an answer and come
    without theirs; `closing_auction` those exactly at a close, whose prices `official_closes` has by YYYY-MM-DD.
    `clipped` are the kept ones whose high or low was widened to open or close by a rounding.
    """

    rows_read: int
    kept: int
    extended_hours: int
    session_closed: int
    not_yet_known: int
    duplicates: int
    superseded: int
    no_trade: int
    unknown_volume: int
    closing_auction: int
    official_closes: dict[str, ReportedClose]
    clipped: int
    refused: dict[str, int]
    refused_share: float
    out_of_order: int
    outliers: Outliers
    zero_volume: ZeroVolume


class QualityReport(RowReport):
    """Report on a month of clean bars.

    `raw` is the key of the newest response, `answers` the keys of all that were read, `unreadable` why others were
    not, `known_at` the source's clock at the newest (UTC epoch seconds), `refused_rows` the key of the refused rows.
    `usual_coverage` is the median coverage of the months before, 0 where none is known.
    """

    label_convention: str
    label_evidence: LabelFinding
    rules: CleaningRules
    revisions: list[RevisionNote]
    raw: str
    answers: list[str]
    unreadable: dict[str, str]
    known_at: float
    refused_rows: str | None
    usual_coverage: float


class Failure(TypedDict):
    """Name the key of a response that could not be read."""

    raw: str


class LastRequest(TypedDict):
    """Note what a month's last request gave: the key of the response, None where there were no bars.

    `fetched_at` is the source's clock, UTC epoch seconds. `first_at`: when it first said that it has no bars, of words
    that came one after another.
    """

    raw: str | None
    fetched_at: float
    request: dict[str, str]
    first_at: NotRequired[float]


class CleanResult(TypedDict):
    """Say which months of a symbol were cleaned, each with its report."""

    symbol: str
    months: dict[str, QualityReport]


class SharedGaps(TypedDict):
    """Name by exchange the symbols looked at, and the minutes of which none of them has a bar.

    `halts` has by symbol the holes in which others of its exchange traded.
    """

    exchanges: dict[str, list[str]]
    holes: list[SharedGap]
    halts: NotRequired[dict[str, list[Gap]]]


class RunReport(TypedDict):
    """Report on a run: by symbol and month what it cleaned, and why other symbols are missing."""

    symbols: dict[str, dict[str, QualityReport]]
    missing: dict[str, str]


class CleanBarsEvent(TypedDict):
    """Tell what the asset `clean_bars` tells: whose bars are clean, and why others are not.

    `backfill` says that the run is one of a backfill, whose training waits for the last ones.
    """

    source: str
    symbols: list[str]
    backfill: bool
    missing: NotRequired[dict[str, str]]
