"""Whom a job may tell, and whether that works."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args

from jupyter_orch.domain.errors import BadFields, BadInput
from jupyter_orch.domain.model import Actor, NoticeKind, Notification
from jupyter_orch.ports import Courier
from jupyter_orch.service.rights import require
from jupyter_orch.settings_notify import is_address

MOST_NOTIFICATIONS = 20
MOST_TARGETS = 50  # of each sort in one entry
_CHANNEL = "channel:"


class Notifications:
    """What a person asks about being told."""

    def __init__(self, courier: Courier) -> None:
        self._courier = courier

    def channels(self, actor: Actor) -> Mapping[str, Any]:
        """What jobs may name."""
        require(actor, "read")
        return {"channels": self._courier.channels, "email": self._courier.mails}

    def test(self, actor: Actor, target: str) -> None:
        """Sends a test message to an address or to `channel:<name>`, and waits for it to go.

        Raises:
            BadInput: There is no such target (field `target`).
            Unavailable: The message did not arrive.
        """
        require(actor, "operate")
        is_channel = target.startswith(_CHANNEL)
        check, name = (
            (_bad_channel, target.removeprefix(_CHANNEL)) if is_channel else (_bad_mail, target)
        )
        if problem := check(name, self._courier):
            raise BadInput(problem[0], field="target", hint=problem[1])
        self._courier.deliver(target if is_channel else f"email:{target}", ())


def check_notifications(notifications: Sequence[Notification], courier: Courier) -> None:
    """Whether each of them would reach somebody.

    Raises:
        BadFields: Every unknown kind, malformed address and unknown channel, by its field.
    """
    if len(notifications) > MOST_NOTIFICATIONS:
        raise BadInput(
            f"A job has at most {MOST_NOTIFICATIONS} notifications.", field="notifications"
        )
    problems = [
        problem
        for index, each in enumerate(notifications)
        for problem in _problems(each, f"notifications.{index}", courier)
    ]
    if problems:
        raise BadFields(problems)


def _problems(each: Notification, field: str, courier: Courier) -> Iterator[BadInput]:
    kinds = get_args(NoticeKind)
    hint = f"Kinds are {', '.join(kinds)}."
    if not each.on:
        yield BadInput("A notification tells of something.", field=f"{field}.on", hint=hint)
    for index, kind in enumerate(each.on):
        if kind not in kinds:
            yield BadInput(
                f"Nobody can be told of {kind!r}.", field=f"{field}.on.{index}", hint=hint
            )
    if not (each.email or each.channels):
        yield BadInput(
            "A notification reaches nobody.",
            field=f"{field}.email",
            hint="Give an address or a channel, or remove it.",
        )
    for name, targets, check in (
        ("email", each.email, _bad_mail),
        ("channels", each.channels, _bad_channel),
    ):
        if len(targets) > MOST_TARGETS:
            yield BadInput(f"At most {MOST_TARGETS} are told.", field=f"{field}.{name}")
            continue
        for index, target in enumerate(targets):
            if problem := check(target, courier):
                yield BadInput(problem[0], field=f"{field}.{name}.{index}", hint=problem[1])


def _bad_mail(address: str, courier: Courier) -> tuple[str, str] | None:
    """What is wrong with an address, and what to do."""
    if not is_address(address):
        return f"{address!r} is not an e-mail address.", "For example ann@example.com."
    if not courier.mails:
        return "This installation sends no e-mail.", "Set notify.smtp.host, or use a channel."
    return None


def _bad_channel(name: str, courier: Courier) -> tuple[str, str] | None:
    """What is wrong with the name of a channel, and what to do."""
    if name in courier.channels:
        return None
    known = ", ".join(courier.channels) or "none yet"
    return (
        f"There is no channel {name!r}.",
        f"Channels are made in the settings as notify.channels.NAME; there are: {known}.",
    )
