"""What the service's process does without."""

import sys


def leave_out_iris() -> None:
    """Keeps the parser of IRIs from being built; call it before Jupyter's server is imported.

    jsonschema would build it at import, which takes two seconds and 15 MB, for schemas with the
    format `iri`, of which neither Jupyter's events nor ours have any.
    """
    # None lets the import fail, which jsonschema takes for "not installed".
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
