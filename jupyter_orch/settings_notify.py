"""The settings of `notify`: how people are told. Whatever may be secret is a reference."""

import re
from dataclasses import dataclass, field
from typing import Literal, Protocol, get_args

from jupyter_orch.domain.errors import BadInput

Tls = Literal["none", "starttls", "implicit"]
PORTS: dict[str, int] = {"none": 25, "starttls": 587, "implicit": 465}
ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?(\.[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?)*"
)
LONGEST_ADDRESS = 254  # characters
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_REFERENCE = re.compile(r"(env|file):.+|[A-Za-z][\w.-]*/[A-Za-z][\w.-]*", re.ASCII)
_WEB = re.compile(r"https?://[^\s/?#@]+([/?#]\S*)?", re.IGNORECASE)
_HERE = re.compile(r"localhost|127(\.\d+){3}|::1")


@dataclass(frozen=True, kw_only=True)
class SmtpSettings:
    """The server that takes e-mail; without a host no e-mail is sent."""

    host: str = ""
    port: int = 0
    user: str = ""
    #: A reference; never a password.
    password: str = ""
    sender: str = ""
    tls: Tls = "starttls"


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """A webhook."""

    #: A reference, or the URL itself, which is a secret with many receivers.
    url: str = field(repr=False)
    #: A reference to the key of the signature; absent: messages are not signed.
    secret: str = ""


@dataclass(frozen=True, kw_only=True)
class NotifySettings:
    """How people are told."""

    smtp: SmtpSettings = field(default_factory=SmtpSettings)
    channels: dict[str, ChannelSettings] = field(default_factory=dict)
    #: What the id of a run is put after, to make a link to it; absent: no links.
    link_base: str = ""


class Reader(Protocol):
    """What reads one setting after the other."""

    def text(self, key: str, default: str) -> str:
        """A text."""
        ...

    def whole(self, key: str, default: int, *, least: int, most: float) -> int:
        """A whole number."""
        ...

    def names(self, table: str) -> tuple[str, ...]:
        """Names of the tables inside this one."""
        ...

    def refuse(self, key: str, message: str) -> BadInput:
        """The error of a setting that was read."""
        ...


def is_address(text: str) -> bool:
    """Whether e-mail can be sent there; quoted and international local parts are none."""
    return len(text) <= LONGEST_ADDRESS and ADDRESS.fullmatch(text) is not None


def is_web(url: str) -> bool:
    """Whether it is a URL of http or https, without a user and password in it."""
    return url.isprintable() and _WEB.fullmatch(url) is not None


def read_notify(reader: Reader) -> NotifySettings:
    """Reads and validates the table.

    Raises:
        BadInput: A value cannot be used. Its words hold no secret.
    """
    link_base = reader.text("notify.link_base", "")
    if link_base and not is_web(link_base):
        raise reader.refuse("notify.link_base", "A link begins with https:// or http://.")
    return NotifySettings(
        smtp=_smtp(reader),
        channels={name: _channel(reader, name) for name in reader.names("notify.channels")},
        link_base=link_base,
    )


def _smtp(reader: Reader) -> SmtpSettings:
    key = "notify.smtp"
    host = reader.text(f"{key}.host", "")
    tls = reader.text(f"{key}.tls", "starttls")
    if tls not in get_args(Tls):
        raise reader.refuse(f"{key}.tls", f"The setting {key}.tls is one of {', '.join(PORTS)}.")
    port = reader.whole(f"{key}.port", PORTS[tls], least=1, most=65_535)
    user = reader.text(f"{key}.user", "")
    password = _reference(reader, f"{key}.password")
    sender = reader.text(f"{key}.from", "")
    if (sender or host) and not is_address(sender):
        raise reader.refuse(
            f"{key}.from", f"The setting {key}.from is the address that messages come from."
        )
    if bool(user) != bool(password):
        raise reader.refuse(f"{key}.user", f"{key}.user and {key}.password belong together.")
    if user and tls == "none" and not _HERE.fullmatch(host):
        raise reader.refuse(f"{key}.tls", "A password is sent over an encrypted connection only.")
    return SmtpSettings(
        host=host,
        port=port,
        user=user,
        password=password,
        sender=sender,
        tls=tls,  # type: ignore[arg-type]  # looked up above
    )


def _channel(reader: Reader, name: str) -> ChannelSettings:
    key = f"notify.channels.{name}"
    url = reader.text(f"{key}.url", "")
    if not _NAME.fullmatch(name):
        raise reader.refuse(
            f"{key}.url", "The name of a channel has lower-case letters, digits, _ and - only."
        )
    if not (is_web(url) or _REFERENCE.fullmatch(url)):
        raise reader.refuse(
            f"{key}.url",
            f"The setting {key}.url is an https URL, or a reference to one such as env:NAME.",
        )
    return ChannelSettings(url=url, secret=_reference(reader, f"{key}.secret"))


def _reference(reader: Reader, key: str) -> str:
    value = reader.text(key, "")
    if value and not _REFERENCE.fullmatch(value):
        raise reader.refuse(
            key, f"The setting {key} is a reference such as env:NAME or file:/path, not a secret."
        )
    return value
