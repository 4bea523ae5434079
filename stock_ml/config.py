"""One frozen, typed Settings: the only reader of the environment."""

import os
import re
import zipfile
from collections.abc import Iterator
from datetime import date
from functools import cache
from ipaddress import IPv4Address
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from dotenv import dotenv_values
from pydantic import (
    AliasChoices,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
    create_model,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    EnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from stock_ml.domain.capabilities import Capabilities
from stock_ml.domain.spelling import nearest
from stock_ml.errors import BadPlugin, BadSetting
from stock_ml.source_plugins import SourceDescription, describe, installed

if TYPE_CHECKING:
    from stock_ml.domain.calendar import Calendars

Recipe = Literal["linear", "huber", "elastic", "gbt"]
Alias = Literal["champion", "challenger"]
SYMBOL = re.compile(r"\^?[A-Z0-9][A-Z0-9.=\-]{0,11}(/[A-Z0-9]{2,6})?")  # of a pair the currency too
Port = Annotated[int, Field(ge=1, le=65535)]
CLOSURE = re.compile(r"[A-Za-z0-9_/]{3,10}:\d{4}-\d\d-\d\d(T\d\d:\d\d)?")
HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.\-]*[A-Za-z0-9])?")
DATABASES = ("airflow", "mlflow", "stockml")  # of PostgreSQL
SUPERUSER, READER = "stockml", "stockml_reader"  # roles there
MLFLOW_READER = "reader"  # a user of the local MLflow
PREFIX, KEY = "STOCKML_", "ALPHAVANTAGE_API_KEY"
CALLED_IN = "STOCKML_CALLED_IN"  # the folder in which a person called ./stockml
# what this project's programs are given beside their settings
NO_SETTINGS = {"STOCKML_VERSION", "STOCKML_KAFKA_CONFIG", "STOCKML_WATCHDOG_CODE", CALLED_IN}
FILES_OF_BARS = (".csv", ".csv.gz", ".tsv", ".parquet", ".zip")
IN_ZIP = (".csv", ".csv.gz", ".txt", ".tsv", ".parquet")
DATE = re.compile(r"(19|20)\d\d[-.]?[01]\d")
Own = TypeVar("Own", bound=BaseModel)


class Settings(BaseSettings):
    """Hold every setting; each is an environment variable `STOCKML_<NAME>`, or a line of `.env`."""

    model_config = SettingsConfigDict(
        env_prefix="STOCKML_",
        env_file=".env",
        env_ignore_empty=True,
        frozen=True,
        extra="ignore",
        populate_by_name=True,
    )

    # what is forecast, and from which data
    source: str = Field(
        "sandbox",
        description="sandbox, alpha_vantage, yahoo, alpaca, crypto, csv or a plug-in's; alpha_vantage where its key is set, else sandbox",
    )
    symbols: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="comma-separated; five by default, for csv the starts of the files' names, for crypto BTC/USD,ETH/USD",
    )
    exchange: str = Field(
        "XNYS",
        description="the exchange's ISO 10383 code, or 24/7 or 24/5: its sessions and holidays; for crypto 24/7",
    )
    exchanges: Annotated[tuple[tuple[str, str], ...], NoDecode] = Field(
        (), description="symbols of other exchanges, comma-separated SYMBOL:EXCHANGE, as VOD:XLON,BTC-USD:24/7"
    )
    closures: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="days closed beyond what is known, comma-separated, as XNYS:2018-12-05 or XNYS:2018-12-05T13:00"
    )
    history_months: int = Field(2, ge=1, le=120, description="whole months of history to fetch before the current one")
    labels: Literal["start", "end"] | None = Field(
        None, description="what a label of the source marks, start or end of its minute; found in the bars by default"
    )
    feed_gap_minutes: int = Field(
        15, ge=1, le=390, description="a longer hole in a session is a feed gap, a shorter one is no trade"
    )
    minimum_coverage: float = Field(
        0.7,
        ge=0,
        le=1,
        description="least share of minutes outside feed gaps, over a month's complete sessions, or cleaning fails",
    )
    maximum_refused: float = Field(
        0.01,
        ge=0,
        le=1,
        description="largest share of a month's rows that may be refused, and of outliers, or cleaning fails",
    )
    minimum_symbols: float = Field(
        0.8, gt=0, le=1, description="least share of a run's symbols that must be clean before a training hears of it"
    )
    alphavantage_api_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("ALPHAVANTAGE_API_KEY", "alphavantage_api_key"),
        description="your Alpha Vantage key (minute bars need a paid plan)",
    )
    alphavantage_url: str = Field("https://www.alphavantage.co/query", description="base address of the service")
    alphavantage_datatype: Literal["json", "csv"] = Field("json", description="how Alpha Vantage answers: json or csv")
    alphavantage_outputsize: Literal["full", "compact"] = Field(
        "full", description="full is a whole month, compact its last 100 bars"
    )
    alphavantage_extended_hours: bool = Field(
        True, description="ask for bars before the open and after the close too; they are kept, and not trained on"
    )
    alphavantage_adjusted: bool = Field(
        False, description="false is as traded and never changes; true changes history with each split and dividend"
    )
    alphavantage_entitlement: Literal["delayed", "realtime"] | None = Field(
        None, description="delayed or realtime, as your plan allows; without it bars end with the last closed session"
    )
    feed_delay: int = Field(
        0,
        ge=0,
        le=3600,
        description="seconds by which your feed shows each bar late; 900 for Alpha Vantage's delayed bars, else 0",
    )
    requests_per_minute: int = Field(75, ge=1, description="the request rate of your key's plan")
    requests_per_day: int = Field(0, ge=0, description="requests a day of your key's plan; 0 is no limit")
    yahoo_url: str = Field(
        "https://query2.finance.yahoo.com",
        description="address of Yahoo's charts; another one gets all requests to Yahoo",
    )
    alpaca_key: SecretStr | None = Field(None, description="key ID of your Alpaca account; a free one will do")
    alpaca_secret: SecretStr | None = Field(None, description="secret of that key")
    alpaca_url: str = Field("https://data.alpaca.markets", description="address of Alpaca's history")
    alpaca_stream_url: str = Field(
        "wss://stream.data.alpaca.markets", description="address of Alpaca's live bars, a websocket"
    )
    crypto_exchange: Literal["coinbase", "kraken", "binance"] = Field(
        "coinbase", description="exchange of source crypto: coinbase, kraken (12 hours of history) or binance"
    )
    crypto_url: str | None = Field(
        None, description="address of that exchange's candles, as https://api.binance.us; its public one by default"
    )
    crypto_stream_url: str | None = Field(
        None, description="address of its live candles, a websocket; its public one by default"
    )
    csv_path: Path | None = Field(
        None, description="a file of minute bars, .csv, .parquet, .gz or .zip, or a folder of them, for source csv"
    )
    csv_zone: str | None = Field(
        None,
        description="time zone of stamps in files that name none, as UTC or America/New_York; learned by default",
    )
    holdout_sessions: int = Field(
        0, ge=0, description="newest sessions kept out of training; 2 for csv, which replays them, else 0"
    )

    # the model
    window: int = Field(30, ge=16, le=390, description="bars that a forecast looks back on")
    horizon: int = Field(1, ge=1, le=60, description="minutes ahead of the newest bar that the close is forecast for")
    candidates: Annotated[tuple[Recipe, ...], NoDecode] = Field(
        ("linear", "huber"),
        description="recipes trained beside persistence, comma-separated: linear, huber, elastic, gbt (trees, slow)",
    )
    train_sessions: int = Field(
        250, ge=2, description="newest sessions that a model is fitted on; in walk-forward each fold has as many"
    )
    promote: Alias = Field(
        "champion",
        description="what a new version becomes: champion, or challenger, shadowing the champion until you promote it",
    )
    promote_alpha: float = Field(
        0.05, gt=0, lt=1, description="largest p-value at which a candidate of another kind takes the champion's place"
    )
    promote_margin: float = Field(
        0.01, ge=0, description="how much worse than the last price, as a share, the champion's kind may be and stay"
    )
    retrain_sessions: int = Field(
        5, ge=1, description="sessions that close before clean bars lead to a new training; 5 for sandbox, else 1"
    )
    spark_master: str = Field("local[*]", description="Spark master URL for training")
    spark_memory: str = Field("2g", description="memory of the Spark driver and of each executor")

    # what is tolerated of live forecasts before a new training is asked for
    monitor_sessions: int = Field(
        5, ge=1, description="newest sessions of the serving version that are judged; also the pause between two alerts"
    )
    monitor_skill: float = Field(
        -0.01, le=0, description="least skill against the last price, where being below it is no chance"
    )
    monitor_coverage: float = Field(
        0.05, gt=0, lt=0.9, description="how far the 90 % interval's coverage may be from 90 %"
    )
    monitor_drift: float = Field(
        1.0, gt=0, description="how far a feature's PSI may be beyond the worst of as many sessions trained on"
    )
    monitor_late: float = Field(
        0.5, ge=0, le=1, description="share of late forecasts, which do not count, above which a person is told"
    )

    # who is told of failed runs, alerts and trainings
    notify: SecretStr | None = Field(
        None,
        description="where to, comma-separated, as apprise writes it: mailtos://user:password@host?to=…, jsons://…",
    )

    # the sandbox exchange
    sandbox_market: Literal["realistic", "random_walk", "strong"] = Field(
        "realistic", description="how much past bars tell: realistic (a little), random_walk (nothing) or strong (much)"
    )
    sandbox_seed: int = Field(7, ge=0, description="one seed gives the same simulated market for ever")
    sandbox_start: str = Field(
        "2024-03-01", description="the day on which the simulated clock starts, history before it"
    )
    sandbox_turn: date | None = Field(
        None, description="the day from which prices move three times as much, and on where they turned back before"
    )
    sandbox_auction: Literal["off", "largest", "unknown"] = Field(
        "off",
        description="the row at a close that has the auction's price: off, largest (of all volumes) or unknown (0)",
    )
    sandbox_speed: float = Field(
        60.0, gt=0, description="market seconds a wall second; 60 is a bar a second; also the speed of a replay"
    )
    sandbox_corrections: float = Field(
        0.0, ge=0, le=1, description="share of minutes that the exchange shows otherwise at first and corrects later"
    )
    sandbox_faults: bool = Field(
        False, description="lets tests ask the exchange for faults: wrong, slow and broken responses (POST /faults)"
    )

    # where things are kept, and the ports of what runs here (on 127.0.0.1 by default)
    home: Path = Field(Path(".stockml"), description="folder of all data, logs and generated secrets")
    jars: Path = Field(Path(".cache/jars"), description="folder of fetched jars, shared by installations")
    dashboard_port: Port = Field(8600, description="the dashboard")
    airflow_port: Port = Field(8601, description="Airflow's UI and API")
    mlflow_port: Port = Field(8602, description="MLflow's UI and API")
    sandbox_port: Port = Field(8603, description="the sandbox exchange")
    kafka_port: Port = Field(8604, description="the Kafka broker")
    kafka_controller_port: Port = Field(8605, description="Kafka's KRaft controller")
    postgres_port: Port = Field(8606, description="PostgreSQL")
    s3_port: Port = Field(8607, description="the S3 gateway")
    consumer_port: Port = Field(8615, description="the consumer's /metrics, /healthz and /readyz")
    producer_port: Port = Field(8616, description="the producer's /metrics, /healthz and /readyz")
    metrics_host: IPv4Address = Field(
        IPv4Address("127.0.0.1"),
        description="address on which producer and consumer serve these; 0.0.0.0 in a container",
    )
    weed_master_port: Port = Field(8608, description="SeaweedFS master")
    weed_volume_port: Port = Field(8609, description="SeaweedFS volume server")
    weed_filer_port: Port = Field(8610, description="SeaweedFS filer")
    weed_master_grpc_port: Port = Field(8611, description="SeaweedFS master, gRPC")
    weed_volume_grpc_port: Port = Field(8612, description="SeaweedFS volume server, gRPC")
    weed_filer_grpc_port: Port = Field(8613, description="SeaweedFS filer, gRPC")
    weed_s3_grpc_port: Port = Field(8614, description="SeaweedFS S3 gateway, gRPC")
    trusted_hosts: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="further names of this machine for dashboard, sandbox and metrics, comma-separated, as a proxy's",
    )

    # bring your own: an address given here is used, and that part is not started locally
    postgres_url: SecretStr | None = Field(
        None, description="postgresql://user:password@host:port?options, databases airflow, mlflow and stockml exist"
    )
    kafka_servers: str | None = Field(None, description="host:port[,host:port] of your Kafka brokers")
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="how your brokers are spoken to: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = Field(
        "PLAIN", description="how your brokers ask for the password: PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512"
    )
    kafka_username: str | None = Field(None, description="user of your brokers, for SASL")
    kafka_password: SecretStr | None = Field(
        None, description="password of that user; of the local Kafka's clients it is generated"
    )
    kafka_ca_file: Path | None = Field(
        None, description="certificates (PEM) that sign your brokers' own; else the system's"
    )
    kafka_topic: str = Field("", description="topic of bars; stockml by default, on your brokers stockml-<source>")
    kafka_partitions: int = Field(4, ge=1, description="partitions of the topic when it is created")
    kafka_retention_days: int = Field(
        30, ge=1, description="days that the topic keeps its bars; set when it is created"
    )
    keep_sessions: int = Field(
        120, ge=2, description="newest sessions kept in PostgreSQL; older days go to S3 as Parquet, and are dropped"
    )
    keep_runs: int = Field(
        100, ge=1, description="newest trainings kept in MLflow; older ones are archived, but for those in use"
    )
    keep_archived_days: int = Field(
        30, ge=1, description="days that an archived training can be restored in MLflow; then it and its files are gone"
    )
    keep_backups: int = Field(7, ge=1, description="newest backups of the databases kept in S3")
    backup_bucket: str = Field("", description="bucket of the backups; the data's bucket with -backups by default")
    backup_key: SecretStr | None = Field(
        None, description="secret that signs backups; only ones signed with it are restored; generated by `make up`"
    )
    keep_log_days: int = Field(
        90,
        ge=1,
        description="days that Airflow's task logs and database rows, and the reports of runs and monitoring, are kept",
    )
    keep_raw_days: int = Field(
        30, ge=1, description="days that an answer is kept in S3 when a later one of its month took its place"
    )
    s3_url: str | None = Field(None, description="address of your S3 service")
    s3_bucket: str = Field("", description="bucket; stockml-<source> by default")
    s3_timeout: int = Field(
        60, ge=1, description="seconds that the S3 service may be silent; a request is then sent anew, twice at most"
    )
    s3_region: str = Field("us-east-1", description="region of the bucket")
    s3_access_key: SecretStr | None = Field(None, description="S3 access key; generated for the local service")
    s3_secret_key: SecretStr | None = Field(None, description="S3 secret key; generated for the local service")
    mlflow_url: str | None = Field(None, description="address of your MLflow server")
    mlflow_username: str = Field("admin", description="user of your MLflow server, where it asks for a login")
    mlflow_password: SecretStr | None = Field(
        None, description="password of that user, 12 characters or more; generated for the local server"
    )
    mlflow_reader_password: SecretStr | None = Field(
        None, description="password of the local server's user reader, who changes nothing; generated"
    )
    mlflow_model: str = Field(
        "", description="registered model; stock-close by default, on your server stock-close-<source>"
    )
    mlflow_experiment: str = Field("", description="experiment; stock_ml by default, on your server stock_ml-<source>")
    sandbox_url: str | None = Field(None, description="address of a sandbox exchange that runs elsewhere")
    postgres_password: SecretStr | None = Field(
        None, description="password of the local PostgreSQL's superuser, as whom no service logs in; generated"
    )
    postgres_airflow_password: SecretStr | None = Field(
        None, description="password of the role airflow_owner there; generated"
    )
    postgres_mlflow_password: SecretStr | None = Field(
        None, description="password of the role mlflow_owner there; generated"
    )
    postgres_stockml_password: SecretStr | None = Field(
        None, description="password of the role stockml_owner there; generated"
    )
    postgres_reader_password: SecretStr | None = Field(
        None, description="password of the role stockml_reader there, which only reads; generated"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources that have a setting: to search one for every field takes as long as all else of loading."""
        sources = init_settings, env_settings, dotenv_settings, file_secret_settings
        return tuple(each for each in super().settings_customise_sources(settings_cls, *sources) if _has_settings(each))

    @model_validator(mode="before")
    @classmethod
    def _fill_in(cls, given: dict[str, Any]) -> dict[str, Any]:
        key = given.get("ALPHAVANTAGE_API_KEY") or given.get("alphavantage_api_key")
        source = given.setdefault("source", "alpha_vantage" if key else "sandbox")
        described = describe(source)
        known = described.capabilities
        given.setdefault("exchange", described.exchange)
        replayed = known.replayed
        given.setdefault("holdout_sessions", 2 if replayed else 0)
        entitled = given.get("alphavantage_entitlement") == "delayed"
        given.setdefault("feed_delay", known.delayed if entitled else 0)
        given.setdefault("retrain_sessions", 5 if known.simulated else 1)
        suffix = f"-{str(source).replace('_', '-')}"
        given.setdefault("s3_bucket", f"stockml{suffix}")
        given.setdefault("backup_bucket", f"{given['s3_bucket']}-backups")
        # what this installation starts has nothing of another source in it; what is brought may
        given.setdefault("kafka_topic", "stockml" + (suffix if given.get("kafka_servers") else ""))
        for name, default in (("mlflow_model", "stock-close"), ("mlflow_experiment", "stock_ml")):
            given.setdefault(name, default + (suffix if given.get("mlflow_url") else ""))
        if not given.get("symbols"):
            path = given.get("csv_path")
            given["symbols"] = _symbols_in(Path(path)) if replayed and path else described.symbols
        return given

    @field_validator("symbols", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        names = given.split(",") if isinstance(given, str) else given
        return (
            tuple(str(n).strip().upper() for n in names if str(n).strip()) if isinstance(names, list | tuple) else given
        )

    @field_validator("symbols")
    @classmethod
    def _are_symbols(cls, symbols: tuple[str, ...]) -> tuple[str, ...]:
        bad = [s for s in symbols if not SYMBOL.fullmatch(s)]
        if bad or not symbols:
            kind = "a symbol is 1 to 12 of A-Z, 0-9, dot, hyphen, = and ^, or a pair as BTC/USD"
            raise ValueError(f"{bad or 'nothing'} is no symbol; {kind}")
        return symbols

    @field_validator("closures", "candidates", "trusted_hosts", mode="before")
    @classmethod
    def _list(cls, given: object) -> object:
        return tuple(n.strip() for n in given.split(",") if n.strip()) if isinstance(given, str) else given

    @field_validator("trusted_hosts")
    @classmethod
    def _are_hosts(cls, hosts: tuple[str, ...]) -> tuple[str, ...]:
        bad = [h for h in hosts if not HOST.fullmatch(h)]
        if bad:
            raise ValueError(f"{bad} is no name of a host; give names alone, without http:// and port, as stocks.lan")
        return hosts

    @field_validator("closures")
    @classmethod
    def _are_closures(cls, closures: tuple[str, ...]) -> tuple[str, ...]:
        bad = [c for c in closures if not CLOSURE.fullmatch(c)]
        if bad:
            raise ValueError(f"{bad} is no closure; one is EXCHANGE:YYYY-MM-DD, or with THH:MM the minute it closed")
        return tuple(sorted(set(closures)))

    @field_validator("exchanges", mode="before")
    @classmethod
    def _pair(cls, given: object) -> object:
        names = given.split(",") if isinstance(given, str) else None
        return given if names is None else tuple(tuple(n.strip().upper().split(":")) for n in names if n.strip())

    @model_validator(mode="after")
    def _a_file_is_named(self) -> "Settings":
        if self.replayed and self.csv_path is None:
            raise ValueError(f"source {self.source} needs STOCKML_CSV_PATH, a file of minute bars, or a folder of them")
        if self.replayed and (pairs := [symbol for symbol in self.symbols if "/" in symbol]):
            named = f"{pairs[0].replace('/', '-')} for {pairs[0]}"
            raise ValueError(f"STOCKML_SYMBOLS: no file's name has a /, so for source {self.source} write {named}")
        return self

    @field_validator("csv_zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        try:
            if zone is not None:
                ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):  # the last of a folder, such as "US"
            raise ValueError(f"{zone!r:.40} is no time zone; give one such as UTC or America/New_York") from None
        return zone

    @model_validator(mode="after")
    def _sasl_needs_a_user(self) -> "Settings":
        sasl = self.kafka_servers and self.kafka_security_protocol.startswith("SASL")
        if sasl and not (self.kafka_username and self.kafka_password):
            told = "needs STOCKML_KAFKA_USERNAME and STOCKML_KAFKA_PASSWORD"
            raise ValueError(f"STOCKML_KAFKA_SECURITY_PROTOCOL={self.kafka_security_protocol} {told}")
        return self

    @field_validator("postgres_url")
    @classmethod
    def _is_an_address(cls, url: SecretStr | None) -> SecretStr | None:
        if url and not re.match(r"postgres(ql)?://[^/?]", url.get_secret_value()):
            raise ValueError("it must begin with postgresql://, then user:password@host:port")
        return url

    @property
    def calendars(self) -> "Calendars":
        """Return which sessions each symbol is traded in."""
        from stock_ml.domain.calendar import Calendars  # Airflow parses DAG files again and again without it

        return Calendars(self.exchange, self.exchanges, self.closures)

    @property
    def state(self) -> Path:
        """Return the installation's own folder: one source, one installation."""
        return self.home.resolve() / self.source

    @property
    def plugin(self) -> SourceDescription:
        """Return the source's plug-in, as it is with these settings."""
        found = describe(self.source)
        return found.variant(self) if found.variant else found

    @property
    def capabilities(self) -> Capabilities:
        """Return what the source can do."""
        return self.plugin.capabilities

    def own(self, kind: type[Own]) -> Own:
        """Return the settings of the source's plug-in. Raises BadSetting naming the variable."""
        prefix = f"{self.source}_"
        try:
            return kind(**{name: getattr(self, prefix + name) for name in kind.model_fields})
        except ValidationError as error:
            raise _bad_setting(error, prefix) from None

    @property
    def simulated(self) -> bool:
        """Say whether the bars are made up; then every page and run says so."""
        return self.capabilities.simulated

    @property
    def live(self) -> bool:
        """Say whether the bars come from a market that trades by the wall's clock."""
        return self.capabilities.live

    @property
    def replayed(self) -> bool:
        """Say whether the bars are those of a file, replayed as if they were live."""
        return self.capabilities.replayed

    @property
    def kafka(self) -> str:
        """Return the brokers' addresses."""
        return self.kafka_servers or f"127.0.0.1:{self.kafka_port}"

    @property
    def s3(self) -> str:
        """Return the S3 service's address."""
        return self.s3_url or f"http://127.0.0.1:{self.s3_port}"

    @property
    def mlflow(self) -> str:
        """Return the MLflow server's address."""
        return self.mlflow_url or f"http://127.0.0.1:{self.mlflow_port}"

    @property
    def mlflow_login(self) -> tuple[str, str] | None:
        """Return user and password for MLflow, None where this process has no password: never log it."""
        logins = [(self.mlflow_username, self.mlflow_password), (MLFLOW_READER, self.mlflow_reader_password)]
        return next(((user, password.get_secret_value()) for user, password in logins if password), None)

    @property
    def sandbox(self) -> str:
        """Return the sandbox exchange's address."""
        return self.sandbox_url or f"http://127.0.0.1:{self.sandbox_port}"

    def postgres(self, database: str = "stockml") -> str:
        """Return the address of one of the three databases, password included: never log it.

        An address that is brought without a user gets the role whose password is set.
        """
        address = self.postgres_url.get_secret_value() if self.postgres_url else f"//127.0.0.1:{self.postgres_port}"
        given = urlsplit(address)
        role, password = self._login(database)
        named = given.username is not None or (self.postgres_url is not None and not password)
        host = given.netloc if named else f"{role}:{quote(password, safe='')}@{given.netloc}"
        return given._replace(scheme="postgresql", netloc=host, path=f"/{database}").geturl()

    def password_of(self, database: str) -> SecretStr | None:
        """Return the password of the role that owns a database."""
        return {
            "airflow": self.postgres_airflow_password,
            "mlflow": self.postgres_mlflow_password,
            "stockml": self.postgres_stockml_password,
        }.get(database)

    def _login(self, database: str) -> tuple[str, str]:
        """Return the role to open a database with, and its password: the owner's, else what is left to this process."""
        logins = [(owner_of(database), self.password_of(database))]
        logins += [(READER, self.postgres_reader_password)] if database == "stockml" else []
        logins += [(SUPERUSER, self.postgres_password), (owner_of("stockml"), self.postgres_stockml_password)]
        found = next(((role, password) for role, password in logins if password), None)
        return (found[0], found[1].get_secret_value()) if found else (SUPERUSER, "")


def owner_of(database: str) -> str:
    """Return the role that owns a database."""
    return f"{database}_owner"


def symbol_of(name: str | Path) -> str:
    """Return the symbol that a file's bars belong to: the start of its name, GOOGL of GOOGL_2024-03.csv.gz.

    Of Binance's names, as BTCUSDT-1m-2024-03.zip, it ends before the size of the bars.
    """
    stem = re.sub(r"(\.(csv|txt|tsv|parquet))?(\.(gz|zip))?$", "", Path(name).name.lower())
    return re.sub(r"-\d+[smhd](-.*)?$", "", stem.split("_")[0]).upper()


def is_named_by_symbol(name: str | Path) -> bool:
    """Say whether a file's name begins with a symbol, and not with a date."""
    symbol = symbol_of(name)
    return SYMBOL.fullmatch(symbol) is not None and not DATE.match(symbol)


def names_in(file: Path) -> list[str]:
    """Return the names of the files of bars in a .zip file, of any other file its own."""
    if not file.name.lower().endswith(".zip"):
        return [file.name]
    try:
        with zipfile.ZipFile(file) as packed:
            names = [PurePosixPath(name) for name in packed.namelist()]
    except (OSError, zipfile.BadZipFile):
        return [file.name]  # reading it says why
    found = [name.name for name in names if name.name.lower().endswith(IN_ZIP) and not _is_hidden(name)]
    return found if len(found) > 1 else [file.name]


def _is_hidden(name: PurePosixPath) -> bool:
    return any(part.startswith((".", "__MACOSX")) for part in name.parts)


def csv_files(folder: Path) -> list[Path]:
    """Return a folder's files of bars, sorted; a text file is one where it begins with Stooq's header."""
    return sorted(file for file in folder.iterdir() if file.name[0] != "." and _is_of_bars(file))


def _is_of_bars(file: Path) -> bool:
    name = file.name.lower()
    if name.endswith(".txt"):
        with file.open("rb") as text:
            return text.read(8) == b"<TICKER>"
    return name.endswith(FILES_OF_BARS)


def _symbols_in(path: Path) -> tuple[str, ...]:
    files = csv_files(path) if path.is_dir() else [path]
    if not files:
        raise ValueError(f"STOCKML_CSV_PATH: the folder {path} holds no file of bars: {', '.join(FILES_OF_BARS)}")
    names = [name for file in files for name in names_in(file)]
    for name in names:
        if not is_named_by_symbol(name):
            raise ValueError(
                f"the name of {name} does not begin with a symbol: say whose bars they are with SYMBOLS=GOOGL "
                "(STOCKML_SYMBOLS), or rename it, as GOOGL_2024.csv"
            )
    return tuple(sorted({symbol_of(name) for name in names}))


def load(**given: object) -> Settings:
    """Read the settings from the environment and `.env`; `given` ones win.

    Raises BadSetting naming the variable, also where it is misspelt, or BadPlugin.
    """
    s = load_stored(**given)
    if problems := list(_misspelt(variables(given.get("_env_file", ".env")), s)):
        raise BadSetting("; ".join(problems))
    return s


def load_stored(**given: object) -> Settings:
    """Read the settings as `load` does, and pass over variables that are none: where all are given, none decides.

    Raises BadSetting naming the variable, or BadPlugin.
    """
    try:
        s = Settings(**given)  # type: ignore[arg-type]
        if kind := describe(s.source).settings:
            s = class_with(s.source)(**given)  # type: ignore[arg-type]
            s.own(kind)
    except ValidationError as error:
        raise _bad_setting(error) from None
    return s


@cache
def class_with(source: str) -> type[Settings]:
    """Return the class of settings with those of a source's plug-in: its field `url` is `<source>_url` there.

    So they are read, handed to every process and kept out of logs as all others are. Raises BadPlugin.
    """
    kind = describe(source).settings
    fields: dict[str, Any] = {
        f"{source}_{name}": (field.annotation, field) for name, field in (kind.model_fields.items() if kind else ())
    }
    own_names = [name for name, (_, field) in fields.items() if field.alias or field.validation_alias]
    if taken := [name for name in fields if hasattr(Settings, name) or name in Settings.model_fields] + own_names:
        raise BadPlugin(
            f"the settings of source {source} would be {', '.join(f'STOCKML_{name.upper()}' for name in taken)}, which "
            "stock_ml has, or have an alias; the plug-in's author must name them otherwise"
        )
    return create_model("Settings", __base__=Settings, **fields)


def _has_settings(source: PydanticBaseSettingsSource) -> bool:
    if not isinstance(source, EnvSettingsSource):  # the arguments: a file `.env` is one of these as well
        return True
    return any(name.upper().startswith((PREFIX, KEY)) for name in source.env_vars)


def _bad_setting(error: ValidationError, own: str = "") -> BadSetting:
    first = error.errors(include_input=False)[0]
    name = "_".join(str(part) for part in first["loc"]).upper()
    if own:
        return BadSetting(f"STOCKML_{own.upper()}{name or '…'}: {first['msg']}; see the documentation of the plug-in")
    prefix = "" if name in {"", KEY} else PREFIX
    return BadSetting(f"{prefix}{name or 'settings'}: {first['msg']}; see .env.example")


def variables(env_file: object = ".env") -> set[str]:
    """Return the names, in capital letters, of all variables with a value in the environment and in `.env`."""
    written = dotenv_values(str(env_file)) if env_file else {}
    return {name.upper() for name, value in {**written, **os.environ}.items() if value}


def _misspelt(names: set[str], s: Settings) -> Iterator[str]:
    """Say of each variable with this project's prefix that is no setting which one was meant.

    The settings of an installed source that is not chosen are not looked at: its package would be imported for them.
    """
    known = {name.upper(): f"{PREFIX}{name.upper()}" for name in type(s).model_fields} | {KEY: KEY}
    for name in sorted(names - NO_SETTINGS - set(known.values())):
        if name.startswith(PREFIX) and not _is_of_another_source(name, s.source):
            meant = nearest(name.removeprefix(PREFIX), known)
            yield f"{name} is no setting: " + (f"did you mean {known[meant]}?" if meant else ".env.example lists all")


def _is_of_another_source(name: str, chosen: str) -> bool:
    return any(name.startswith(f"{PREFIX}{each.name.upper()}_") for each in installed() if each.name != chosen)
