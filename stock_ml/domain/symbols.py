"""A symbol as part of a path: the pair BTC/USD is the folder BTC_USD, for no symbol has a `_`."""


def folder_of(symbol: str) -> str:
    """Return a symbol as one part of a key in S3, or of a file's name."""
    return symbol.replace("/", "_")


def symbol_of_folder(folder: str) -> str:
    """Return the symbol whose folder this is."""
    return folder.replace("_", "/")
