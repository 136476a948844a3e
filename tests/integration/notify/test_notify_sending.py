"""From the outbox to real servers: at least once, each target by itself, digests, encryption."""

import logging
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiosmtpd.smtp import AuthResult
from notify_kit import MailServer, Receiver, free_port, until, verify
from store_kit import SystemClock, add_job, claim, run_of, spec_of

from jupyter_orch.domain.errors import NotFound, OrchError, Unavailable
from jupyter_orch.domain.model import Notification
from jupyter_orch.domain.states import RunState
from jupyter_orch.notify import Notifier, SettingsCourier
from jupyter_orch.settings_notify import ChannelSettings, NotifySettings, SmtpSettings
from jupyter_orch.store.sql import SqlStore

KEY = "a key of the signature"


class InFourDays:
    """A clock for those who do not want to wait."""

    def now(self) -> datetime:
        """Now, and four days."""
        return datetime.now(UTC) + timedelta(days=4)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqlStore]:
    """An empty store."""
    opened = SqlStore(f"sqlite:///{tmp_path / 'state.db'}")
    yield opened
    opened.close()


def fail(store: SqlStore, *targets: str, runs: int = 1) -> None:
    """A job that tells these targets, and whose runs fail."""
    wanted = Notification(
        email=tuple(target for target in targets if "@" in target),
        channels=tuple(target for target in targets if "@" not in target),
    )
    job = add_job(store, spec_of(notifications=(wanted,), overlap="parallel"))
    for _ in range(runs):
        store.add_run(run_of(job))
    for run in claim(store, limit=runs):
        store.finish("w", run.id, 1, state=RunState.FAILED)


def notifier(
    store: SqlStore,
    mail: MailServer | None = None,
    *,
    clock: SystemClock | InFourDays | None = None,
    smtp: SmtpSettings | None = None,
    **urls: str,
) -> Notifier:
    """A notifier that knows this mail server and these channels."""
    if mail is not None:
        smtp = SmtpSettings(host="127.0.0.1", port=mail.port, sender="o@example.com", tls="none")
    channels = {name: ChannelSettings(url=url, secret="env:KEY") for name, url in urls.items()}
    settings = NotifySettings(smtp=smtp or SmtpSettings(), channels=channels)
    return Notifier(store, SettingsCourier(settings), clock or SystemClock())


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that signatures are made with."""
    monkeypatch.setenv("KEY", KEY)


def test_many_failures_are_one_mail(store) -> None:
    """A bad night is a digest, and for each person only one."""
    with MailServer() as mail:
        fail(store, "ann@example.com", "bob@example.com", runs=30)
        fail(store, "ann@example.com")
        notifier(store, mail).do()
        assert "31 runs failed" in mail.subjects()
        assert {tuple(to) for _, to in mail.envelopes} == {
            ("ann@example.com",),
            ("bob@example.com",),
        }
        notifier(store, mail).do()
        assert len(mail.mails) == 2


def test_a_server_that_refuses_at_first_gets_it_later(store) -> None:
    """451 and 500 are no losses; the message is the same, the signature is made anew."""
    with MailServer(refuse=1) as mail, Receiver(500) as receiver:
        fail(store, "ann@example.com", "ops")
        sender = notifier(store, mail, ops=receiver.url)
        sender.do()
        assert (mail.mails, len(receiver.requests)) == ([], 1)
        sender.do()  # too early
        assert (mail.mails, len(receiver.requests)) == ([], 1)

        def arrived() -> bool:
            sender.do()
            return len(receiver.requests) == 2 and len(mail.mails) == 1

        until(arrived)
        times = [verify(headers, body, KEY) for headers, body in receiver.requests]
        assert times[0] < times[1]
        first, second = receiver.bodies()
        assert (first["id"], first["data"]) == (second["id"], second["data"])
        assert first["type"] == "jupyter_orch.runs.v1"
        sender.do()
        assert len(receiver.requests) == 2


def test_inv8_a_silent_target_holds_nobody_up(store) -> None:
    """Others are told while it is waited for; what is told to nobody known is kept for later."""
    with Receiver(hang=True) as silent, Receiver() as well, MailServer() as mail:
        fail(store, "silent", "well", "unknown", "ann@example.com")
        began = time.monotonic()
        sender = notifier(store, mail, silent=silent.url, well=well.url)
        sender.do()
        assert time.monotonic() - began < 20
        assert (len(silent.requests), len(well.requests), len(mail.mails)) == (1, 1, 1)
    with store._database.reading() as connection:
        rows = connection.exec_driver_sql("SELECT target, last_error FROM notice").all()
    assert dict(rows) == {
        "channel:silent": "The channel silent did not answer: ReadTimeout.",
        "channel:unknown": "There is no channel 'unknown'.",
    }


def test_after_three_days_it_is_given_up_with_a_log_line(store, caplog) -> None:
    """An address that is gone is not tried for ever."""
    fail(store, "ops")
    url = f"http://127.0.0.1:{free_port()}/"
    with caplog.at_level(logging.ERROR, "jupyter_orch"):
        notifier(store, clock=InFourDays(), ops=url).do()
    assert [record.getMessage() for record in caplog.records] == ["notify.given_up"]
    with store._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM notice").scalar() == 0


@pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 404, 429, 500])
def test_only_2xx_is_an_answer(monkeypatch, status: int) -> None:
    """Redirects lead nowhere: a signed message goes where the settings say."""
    with Receiver(status, 200) as receiver:
        monkeypatch.setenv("URL", receiver.url)
        channels = {"ops": ChannelSettings(url="env:URL")}
        courier = SettingsCourier(NotifySettings(channels=channels))
        with pytest.raises(Unavailable) as caught:
            courier.deliver("channel:ops", ())
        assert str(status) in caught.value.message
        assert receiver.url not in caught.value.message
        assert len(receiver.requests) == 1
        courier.deliver("channel:ops", ())
        assert "X-Jupyter-Orch-Signature" not in receiver.requests[0][0]


@pytest.mark.parametrize(
    "url",
    ["ftp://example.com/x", "file:///etc/passwd", "http://?hunter2", "http://a b/", "javascript:x"],
)
def test_inv9_a_secret_that_is_no_url_is_refused(monkeypatch, url: str) -> None:
    """What a reference leads to is checked as well, and not repeated."""
    monkeypatch.setenv("URL", url)
    courier = SettingsCourier(NotifySettings(channels={"ops": ChannelSettings(url="env:URL")}))
    with pytest.raises(OrchError) as caught:
        courier.deliver("channel:ops", ())
    assert url not in caught.value.message


def test_a_secret_that_is_not_there_is_named(monkeypatch) -> None:
    """The reference, and nothing else."""
    courier = SettingsCourier(NotifySettings(channels={"ops": ChannelSettings(url="env:NOPE")}))
    with pytest.raises(NotFound, match="env:NOPE"):
        courier.deliver("channel:ops", ())


@pytest.mark.parametrize("target", ["", "email:", "pigeon:x", "email:a@b.c\nBcc: e@f.g"])
def test_inv9_no_other_target_is_reached(target: str) -> None:
    """Whatever stands in the database."""
    smtp = SmtpSettings(host="127.0.0.1", port=free_port(), sender="o@example.com", tls="none")
    with pytest.raises(OrchError):
        SettingsCourier(NotifySettings(smtp=smtp)).deliver(target, ())


# --------------------------------------------------------------------------- encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate of localhost and its key."""
    folder = tmp_path_factory.mktemp("certificate")
    made = (folder / "cert.pem", folder / "key.pem")
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
            *("-out", str(made[0]), "-keyout", str(made[1])),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return made


@pytest.fixture
def encrypted(certificate):
    """The context of a server with that certificate."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def courier_of(port: int, tls: str, **more: str) -> SettingsCourier:
    """Mail by this port of localhost."""
    smtp = SmtpSettings(host="localhost", port=port, sender="o@example.com", tls=tls, **more)
    return SettingsCourier(NotifySettings(smtp=smtp))


def test_starttls_and_password(certificate, encrypted, monkeypatch) -> None:
    """The password is looked up by reference and sent after the encryption began."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    seen = []

    def authenticate(server, session, envelope, mechanism, data):
        seen.append((session.ssl is not None, data.login, data.password))
        return AuthResult(success=data.password == KEY.encode())

    options = {"tls_context": encrypted, "authenticator": authenticate, "auth_required": True}
    with MailServer(hostname="localhost", require_starttls=True, **options) as mail:
        courier_of(mail.port, "starttls", user="me", password="env:KEY").deliver(
            "email:ann@example.com", ()
        )
        assert seen == [(True, b"me", KEY.encode())]
        assert len(mail.mails) == 1
        monkeypatch.setenv("WRONG", "hunter2hunter2")
        with pytest.raises(Unavailable) as caught:
            courier_of(mail.port, "starttls", user="me", password="env:WRONG").deliver(
                "email:ann@example.com", ()
            )
        assert "hunter2" not in caught.value.message


def test_a_certificate_that_nobody_vouches_for_is_refused(encrypted) -> None:
    """Nothing is said to a server that only claims to be ours."""
    with MailServer(hostname="localhost", tls_context=encrypted) as mail:
        with pytest.raises(Unavailable, match="certificate"):
            courier_of(mail.port, "starttls").deliver("email:ann@example.com", ())
        assert mail.mails == []


def test_without_starttls_nothing_is_sent_in_the_clear() -> None:
    """A server, or somebody on the way, that hides STARTTLS does not get the message."""
    with MailServer(hostname="localhost") as mail:
        with pytest.raises(Unavailable):
            courier_of(mail.port, "starttls").deliver("email:ann@example.com", ())
        assert mail.mails == []


def test_implicit_tls(certificate, encrypted, monkeypatch) -> None:
    """Encrypted from the first byte."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with MailServer(hostname="localhost", ssl_context=encrypted) as mail:
        courier_of(mail.port, "implicit").deliver("email:ann@example.com", ())
        assert mail.subjects() == ["A test: messages arrive here"]
