"""A JSON object whose fields are not known here: what services say of themselves, what others' APIs send."""

from typing import Any

JsonObject = dict[str, Any]
