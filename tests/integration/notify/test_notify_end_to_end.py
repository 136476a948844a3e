"""A notebook fails and recovers, and people hear of it, from a real service."""

import re

import pytest
from notify_kit import MailServer, Receiver, until, verify
from service_kit import RunningService

pytestmark = pytest.mark.timeout(400)  # seconds; a busy machine takes its time
KEY = "a key of the signature"
CELL = "if fail: raise ValueError('no rows for <today>')"


@pytest.fixture
def telling(unserved: RunningService):
    """A service that tells by these servers; it stops after the test."""

    def start(mail: MailServer | None = None, receiver: Receiver | None = None) -> RunningService:
        settings = {"LINK_BASE": "https://hub.example.com/lab?run="}
        if mail is not None:
            settings |= {
                "SMTP__HOST": "127.0.0.1",
                "SMTP__PORT": str(mail.port),
                "SMTP__TLS": "none",
                "SMTP__FROM": "orch@example.com",
            }
        if receiver is not None:
            settings |= {"CHANNELS__OPS__URL": "env:OPS_URL", "CHANNELS__OPS__SECRET": "env:KEY"}
            unserved.environment |= {"OPS_URL": receiver.url, "KEY": KEY}
        unserved.environment |= {
            f"JUPYTER_ORCH__NOTIFY__{key}": value for key, value in settings.items()
        }
        unserved.write("report.ipynb", CELL, parameters="fail: bool = True")
        return unserved.start()

    return start


def test_a_failing_job_mails_and_its_recovery_does_too(telling) -> None:
    """The whole way: a cell raises, the mail arrives; it is mended, the mail arrives."""
    with MailServer() as mail:
        service = telling(mail)
        said = service.shell("schedule", "report.ipynb", "--notify", "ann@example.com")
        assert said.returncode == 0, said.stderr
        failed = service.json("run", "report")
        assert service.ended(failed["id"])["state"] == "failed"
        until(lambda: mail.mails)
        assert mail.subjects() == ["report failed"]
        service.ended(service.json("run", "report", "-p", "fail", "no")["id"])
        until(lambda: len(mail.mails) == 2)
        assert mail.subjects()[1] == "report recovered"
    first = mail.mails[0]
    assert mail.envelopes[0] == ("orch@example.com", ["ann@example.com"])
    text = first.get_body(("plain",)).get_content().replace("\r\n", "\n")
    assert re.search(r"^ValueError \(cell \d\): no rows for <today>$", text, re.MULTILINE)
    assert f"https://hub.example.com/lab?run={failed['id']}" in text
    html = first.get_body(("html",)).get_content()
    assert "no rows for &lt;today&gt;" in html


@pytest.mark.slow
def test_inv7_what_was_claimed_is_sent_after_a_kill(telling) -> None:
    """Kill -9 between claim and send: the next service sends it, signed; then nobody does."""
    with Receiver(hang=True) as receiver:
        service = telling(receiver=receiver)
        said = service.shell("schedule", "report.ipynb", "--notify", "channel:ops")
        assert said.returncode == 0, said.stderr
        run = service.json("run", "report")
        service.ended(run["id"])
        until(lambda: receiver.requests)  # claimed, and under way
        service.kill()
        receiver.answering.set()
        service.start()
        until(lambda: len(receiver.requests) == 2)
        for (headers, body), event in zip(receiver.requests, receiver.bodies(), strict=True):
            verify(headers, body, KEY)
            assert [item["run_id"] for item in event["data"]] == [run["id"]]
        first, second = receiver.bodies()
        assert first["id"] == second["id"]  # whoever got both can tell
        assert service.shell("notify-test", "channel:ops").returncode == 0
        assert [event["total"] for event in receiver.bodies()] == [1, 1, 0]


def test_a_test_message_says_whether_it_went(telling) -> None:
    """The command ends well, or names what is wrong; nothing that is secret is shown."""
    with MailServer(refuse=1) as mail, Receiver(500, 302) as receiver:
        service = telling(mail, receiver)
        with service.client() as client:
            assert client.channels() == {"channels": ["ops"], "email": True}
        refused = service.shell("notify-test", "ann@example.com")
        assert (refused.returncode, "451 Try again later" in refused.stderr) == (5, True)
        assert service.shell("notify-test", "ann@example.com").returncode == 0
        assert mail.subjects() == ["A test: messages arrive here"]
        for status in ("500", "302"):
            failed = service.shell("notify-test", "channel:ops")
            assert (failed.returncode, status in failed.stderr) == (5, True)
        assert service.shell("notify-test", "channel:ops").returncode == 0
        assert len(receiver.requests) == 3  # nobody followed the redirect
        for target in ("channel:nope", "nobody", "channel:", ""):
            bad = service.shell("notify-test", target)
            assert (bad.returncode, "field: target" in bad.stderr) == (2, True)
        bad = service.shell("schedule", "report.ipynb", "--notify", "channel:nope")
        assert (bad.returncode, "notifications.0.channels.0" in bad.stderr) == (2, True)
        assert receiver.url not in service.log.read_text()
        assert KEY not in service.log.read_text()
