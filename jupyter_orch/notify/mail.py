"""Messages by e-mail."""

import smtplib
import socket
import ssl
from contextlib import suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

from jupyter_orch.domain.errors import BadInput, Unavailable
from jupyter_orch.kernel.secrets import resolve
from jupyter_orch.notify.message import Message, line
from jupyter_orch.settings_notify import SmtpSettings, is_address

TIMEOUT_SECONDS = 10.0  # for each word of the server


class Mail:
    """Hands messages to the mail server of the settings; safe from many threads."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings

    def send(self, address: str, message: Message) -> None:
        """Hands one message over.

        Raises:
            BadInput: There is no mail server, or that is no address.
            NotFound: The password is not where the settings say.
            Unavailable: The server did not take it.
        """
        if not self._settings.host:
            raise BadInput("There is no server for e-mail.", hint="Set notify.smtp.host.")
        if not is_address(address):
            raise BadInput(f"{address!a} is not an address.")
        mail = self._compose(address, message)
        try:
            server = self._connect()
            try:
                server.send_message(mail, self._settings.sender, [address])
            finally:
                # It has the message, or has refused it: what it says to a farewell is no matter.
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
                server.close()
        except (OSError, UnicodeError, smtplib.SMTPException) as error:
            raise Unavailable(
                f"The mail server {self._settings.host} did not take the message: {_said(error)}."
            ) from error

    def _compose(self, address: str, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        domain = self._settings.sender.rpartition("@")[2]
        mail["From"] = self._settings.sender
        mail["To"] = address
        mail["Subject"] = line(message.subject)
        mail["Date"] = formatdate(localtime=False)
        mail["Message-ID"] = f"<{message.id}@{domain}>"
        mail["Auto-Submitted"] = "auto-generated"  # nobody's holiday reply may answer it
        mail.set_content(message.text)
        mail.add_alternative(message.html, subtype="html")
        return mail

    def _connect(self) -> smtplib.SMTP:
        settings = self._settings
        # Our name as the machine has it: to look up a full one could wait for a name server.
        name = socket.gethostname()
        server: smtplib.SMTP
        if settings.tls == "implicit":
            server = smtplib.SMTP_SSL(
                settings.host,
                settings.port,
                name,
                timeout=TIMEOUT_SECONDS,
                context=ssl.create_default_context(),
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, name, TIMEOUT_SECONDS)
        try:
            if settings.tls == "starttls":
                server.starttls(context=ssl.create_default_context())
            if settings.user:
                server.login(settings.user, resolve(settings.password))
        except BaseException:
            server.close()
            raise
        return server


def _said(error: Exception) -> str:
    text: bytes | str
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        code, text = next(iter(error.recipients.values()))
    elif isinstance(error, smtplib.SMTPResponseException):
        code, text = error.smtp_code, error.smtp_error
    else:
        return line(error) or type(error).__name__
    return line(f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}")
