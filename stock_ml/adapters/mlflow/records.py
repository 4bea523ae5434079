"""What MLflow's REST API sends, as far as it is read here; other fields are passed over.

A server may send a field as null; `rest` leaves such a field out, so that its default stands. Versions and ids may
be numbers or text.
"""

import msgspec


class Tag(msgspec.Struct, frozen=True):
    """Hold one tag of a version or a run."""

    key: str
    value: str = ""


class ModelVersion(msgspec.Struct, frozen=True):
    """Hold one version of a registered model; `creation_timestamp` in epoch milliseconds."""

    version: str
    run_id: str = ""
    creation_timestamp: int = 0
    tags: tuple[Tag, ...] = ()


class Alias(msgspec.Struct, frozen=True):
    """Name a version."""

    alias: str
    version: str


class RegisteredModel(msgspec.Struct, frozen=True):
    """Hold what belongs to all versions of a model."""

    aliases: tuple[Alias, ...] = ()


class RunInfo(msgspec.Struct, frozen=True):
    """Hold a run's id, and whether it is RUNNING or how it ended."""

    run_id: str
    status: str = "FINISHED"


class RunData(msgspec.Struct, frozen=True):
    """Hold what was logged with a run."""

    tags: tuple[Tag, ...] = ()


class Run(msgspec.Struct, frozen=True):
    """Hold one run."""

    info: RunInfo
    data: RunData = RunData()


class Experiment(msgspec.Struct, frozen=True):
    """Hold an experiment's id."""

    experiment_id: str


class Artifact(msgspec.Struct, frozen=True):
    """Name a file that a run holds."""

    path: str


class LoggedModelInfo(msgspec.Struct, frozen=True):
    """Hold the id of a model's files and of the run that made them."""

    model_id: str
    source_run_id: str = ""


class LoggedModel(msgspec.Struct, frozen=True):
    """Hold a model's files, which a version names; they are no part of their run."""

    info: LoggedModelInfo


class ApiResponse(msgspec.Struct, frozen=True):
    """Hold what a request was answered; each endpoint fills its own fields."""

    error_code: str = ""
    model_version: ModelVersion | None = None
    model_versions: tuple[ModelVersion, ...] = ()
    registered_model: RegisteredModel = RegisteredModel()
    run: Run | None = None
    runs: tuple[Run, ...] = ()
    models: tuple[LoggedModel, ...] = ()
    next_page_token: str = ""
    experiment: Experiment | None = None
    files: tuple[Artifact, ...] = ()
