"""What a database or a bucket says when it fails, in words that name the setting to look at."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from jupyter_orch.domain.errors import Unavailable
from jupyter_orch.settings import WarehouseSettings

#: The setting that is named when keys are refused.
KEYS = "warehouse.s3.access_key"
#: What S3 servers say, as pyarrow passes it on, and what it means for people.
_NO_BUCKET = re.compile("NO_SUCH_BUCKET|NoSuchBucket")
_REFUSED = re.compile(
    "ACCESS_DENIED|SIGNATURE_DOES_NOT_MATCH|INVALID_ACCESS_KEY_ID|INVALID_CLIENT_TOKEN_ID"
    "|UNRECOGNIZED_CLIENT|MISSING_AUTHENTICATION_TOKEN|INVALID_SIGNATURE|REQUEST_EXPIRED"
    "|ExpiredToken|TokenRefreshRequired|InvalidToken|AccountProblem|UserNotFound|AllAccessDisabled"
)
_FULL = re.compile("QuotaExceeded|StorageFull|NoSpaceLeft|InsufficientStorage|HTTP status 507")
_SILENT = re.compile("NETWORK_CONNECTION|REQUEST_TIMEOUT|SERVICE_UNAVAILABLE|SLOW_DOWN|curlCode")


@contextmanager
def told(warehouse: WarehouseSettings) -> Iterator[None]:
    """Turns what a database or a file system raises inside into `Unavailable`."""
    try:
        yield
    except OSError as error:
        raise unavailable(error, warehouse) from error
    except Exception as error:
        from sqlalchemy.exc import SQLAlchemyError

        if isinstance(error, SQLAlchemyError):
            raise unavailable(error, warehouse) from error
        raise


def unavailable(error: Exception, warehouse: WarehouseSettings) -> Unavailable:
    """What went wrong with the catalog or the tables' files, and where to look."""
    said = _first_line(error)
    if not isinstance(error, OSError):
        return Unavailable(
            f"The warehouse's catalog does not answer: {said}.",
            field="warehouse.catalog_uri",
            hint="Check that its database runs, and warehouse.catalog_uri.",
        )
    if not warehouse.in_s3:
        return Unavailable(
            f"The warehouse does not answer: {said}.",
            field="warehouse.location",
            hint="Check warehouse.location and warehouse.catalog_uri.",
        )
    return _of_s3(said, warehouse)


def _of_s3(said: str, warehouse: WarehouseSettings) -> Unavailable:
    bucket = warehouse.location.split("/")[2]
    if _NO_BUCKET.search(said):
        return Unavailable(
            f"There is no bucket {bucket} in S3.",
            field="warehouse.location",
            hint="Make it, or name another one in warehouse.location.",
        )
    if _REFUSED.search(said):
        return Unavailable(
            f"S3 refuses the keys for the bucket {bucket}: {_short(said)}.",
            field=KEYS,
            hint="Check warehouse.s3.access_key and .secret_key: they may be wrong or expired.",
        )
    if _FULL.search(said):
        return Unavailable(
            f"The bucket {bucket} takes no more data: {_short(said)}.",
            field="warehouse.location",
            hint="Make room, or raise its quota.",
        )
    where = warehouse.s3.endpoint or f"region {warehouse.s3.region}"
    if _SILENT.search(said):
        return Unavailable(
            f"S3 does not answer at {where}: {_short(said)}.",
            field="warehouse.s3.endpoint",
            hint="Check that it runs, and warehouse.s3.endpoint.",
        )
    return Unavailable(
        f"S3 at {where} failed: {said}.",
        field="warehouse.location",
        hint="Check warehouse.location and warehouse.s3.",
    )


def lasting(error: Exception) -> bool:
    """Whether trying again soon cannot help: a person has to change something first."""
    said = str(error)
    return isinstance(error, OSError) and any(
        pattern.search(said) for pattern in (_NO_BUCKET, _REFUSED, _FULL)
    )


def general(error: Exception) -> bool:
    """Whether the next table would meet the same."""
    said = str(error)
    return isinstance(error, OSError) and any(
        pattern.search(said) for pattern in (_NO_BUCKET, _REFUSED, _SILENT)
    )


def _short(said: str) -> str:
    """The cause alone: file names of tables are no help here."""
    found = re.search(r"AWS Error (.*)", said)
    return (found.group(1) if found else said).rstrip(".")


def _first_line(error: Exception) -> str:
    text = str(getattr(error, "orig", None) or error)
    return (text.splitlines() or [type(error).__name__])[0].rstrip(".")
