"""From a target's name to the way that messages to it take."""

from collections.abc import Sequence

from jupyter_orch.domain.errors import BadInput
from jupyter_orch.domain.model import Notice
from jupyter_orch.notify.mail import Mail
from jupyter_orch.notify.message import compose
from jupyter_orch.notify.webhook import Webhook
from jupyter_orch.settings_notify import NotifySettings


class SettingsCourier:
    """`ports.Courier` by the settings. Secrets are looked up anew for each message."""

    def __init__(self, settings: NotifySettings) -> None:
        self.mails = bool(settings.smtp.host)
        self.channels = tuple(sorted(settings.channels))
        self._link_base = settings.link_base
        self._ways = {
            "email": Mail(settings.smtp).send,
            "channel": Webhook(settings.channels).send,
        }

    def deliver(self, target: str, notices: Sequence[Notice]) -> None:
        """Sends one message about all of the notices; about none: a test.

        Raises:
            OrchError: It did not arrive, and why.
        """
        way, _, name = target.partition(":")
        if way not in self._ways:
            raise BadInput(f"Nobody knows how to reach {target!a}.")
        self._ways[way](name, compose(notices, link_base=self._link_base))
