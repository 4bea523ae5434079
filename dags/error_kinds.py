"""Which errors no other try of a task can help, and what other tasks are told of an error."""

from stock_ml import errors

FINAL = (
    *(errors.BadInput, errors.BadKey, errors.NoBars, errors.PremiumEndpoint, errors.TooLarge, errors.NoNetwork),
    errors.RegistryRefused,
    *(errors.HostError, errors.TooLittleHistory, errors.SchemaMismatch, errors.ParityError, errors.TooFewSymbols),
)


def is_final(exception: BaseException) -> bool:
    """Say whether another try cannot help; what labels mark may be clear once other symbols of the source are clean."""
    return isinstance(exception, FINAL) and not isinstance(exception, errors.AmbiguousTimestamps)


def told(exception: BaseException) -> str:
    """Return what another task is told of an error; the text of a foreign one may hold a secret, and is left out."""
    name = type(exception).__name__
    return f"{name}: {exception}"[:500] if isinstance(exception, errors.StockMLError) else f"{name}, see its log"
