"""Settings of notifications and retention: read from anywhere, refused with their key."""

from pathlib import Path

import pytest

from jupyter_orch.cli.doctor import shown_value
from jupyter_orch.domain.errors import BadInput
from jupyter_orch.settings import Settings, load

SMTP = {"SMTP__HOST": "mail.example.com", "SMTP__FROM": "orch@example.com"}


def notify(tmp_path: Path, toml: str = "", **variables: str) -> Settings:
    """The settings of this file and these variables of `notify`."""
    file = tmp_path / "jupyter_orch.toml"
    file.write_text(toml)
    environ = {f"JUPYTER_ORCH__NOTIFY__{key}": value for key, value in variables.items()}
    return load({"JUPYTER_ORCH__STATE__DIR": str(tmp_path / "state"), **environ}, file)


def test_without_settings_nobody_is_told_and_runs_stay_for_90_days(tmp_path) -> None:
    """The defaults."""
    settings = notify(tmp_path)
    assert (settings.notify.smtp.host, settings.notify.channels) == ("", {})
    assert (settings.retention_days, settings.retention_batch) == (90, 500)
    assert (settings.retention_versions, settings.retention_orphan_days) == (500, 3)


def test_channels_come_from_the_file_and_from_variables(tmp_path) -> None:
    """A variable wins for its own key only, and may name a channel of its own."""
    settings = notify(
        tmp_path,
        '[notify.channels.ops]\nurl = "https://chat.example.com/a"\nsecret = "env:KEY"\n'
        '[notify.channels.night-shift]\nurl = "file:/run/secrets/url"\n',
        CHANNELS__OPS__URL="env:OPS_URL",
        CHANNELS__DEV__URL="http://localhost:1/x?y=1",
    )
    channels = settings.notify.channels
    assert {name: each.url for name, each in channels.items()} == {
        "dev": "http://localhost:1/x?y=1",
        "night-shift": "file:/run/secrets/url",
        "ops": "env:OPS_URL",
    }
    assert channels["ops"].secret == "env:KEY"


@pytest.mark.parametrize(("tls", "port"), [("none", 25), ("starttls", 587), ("implicit", 465)])
def test_each_way_of_encryption_has_its_port(tmp_path, tls: str, port: int) -> None:
    """Unless another one is set."""
    assert notify(tmp_path, **SMTP, SMTP__TLS=tls).notify.smtp.port == port
    assert notify(tmp_path, **SMTP, SMTP__TLS=tls, SMTP__PORT="2525").notify.smtp.port == 2525


BAD = {
    "plain secret": ({"CHANNELS__A__URL": "env:A", "CHANNELS__A__SECRET": "hunter2"}, "secret"),
    "file URL": ({"CHANNELS__A__URL": "ftp://example.com/hunter2"}, "url"),
    "not a URL": ({"CHANNELS__A__URL": "hunter2"}, "url"),
    "URL with a password": ({"CHANNELS__A__URL": "https://me:hunter2@example.com/"}, "url"),
    "URL with a newline": ({"CHANNELS__A__URL": "https://example.com/hunter2\r\nX: y"}, "url"),
    "no URL": ({"CHANNELS__A__SECRET": "env:KEY"}, "url"),
    "odd name": ({"CHANNELS__Ä Ö__URL": "env:A"}, "url"),
    "unknown key of a channel": ({"CHANNELS__A__URL": "env:A", "CHANNELS__A__TOKEN": "x"}, "token"),
    "channel that is a text": ({"CHANNELS__A": "https://example.com"}, "channels.a"),
    "no sender": ({"SMTP__HOST": "mail.example.com"}, "smtp.from"),
    "sender with a newline": ({**SMTP, "SMTP__FROM": "a@b.c\nBcc: x@y.z"}, "smtp.from"),
    "unknown encryption": ({**SMTP, "SMTP__TLS": "ssl"}, "smtp.tls"),
    "port out of range": ({**SMTP, "SMTP__PORT": "65536"}, "smtp.port"),
    "plain password": ({**SMTP, "SMTP__USER": "me", "SMTP__PASSWORD": "hunter2"}, "smtp.password"),
    "user without a password": ({**SMTP, "SMTP__USER": "me"}, "smtp.user"),
    "password in the clear": (
        {**SMTP, "SMTP__USER": "me", "SMTP__PASSWORD": "env:P", "SMTP__TLS": "none"},
        "smtp.tls",
    ),
    "link to a script": ({"LINK_BASE": "javascript:alert(1)"}, "link_base"),
}


@pytest.mark.parametrize("case", BAD)
def test_inv9_bad_setting_is_named_and_shows_no_secret(tmp_path, case: str) -> None:
    """The service does not start with it, and says which one it is."""
    variables, field = BAD[case]
    with pytest.raises(BadInput) as caught:
        notify(tmp_path, **variables)
    assert caught.value.field.startswith("notify.")
    assert caught.value.field.endswith(field)
    said = f"{caught.value.message} {caught.value.hint}"
    assert "hunter2" not in said
    assert "JUPYTER_ORCH__NOTIFY__" in said or "default" in said


@pytest.mark.parametrize("days", ["-1", "nan", "inf", "1e9", "a week"])
def test_inv9_absurd_retention_is_refused(tmp_path, days: str) -> None:
    """Nothing is removed by a slip of the keyboard."""
    environ = {"JUPYTER_ORCH__RETENTION__DAYS": days}
    with pytest.raises(BadInput) as caught:
        load(environ, tmp_path / "none.toml")
    assert caught.value.field == "retention.days"


@pytest.mark.parametrize("days", ["0.5", "0.999", "-1", "nan", "1e9"])
def test_inv9_files_of_writers_that_go_on_cannot_be_declared_old(tmp_path, days: str) -> None:
    """A day at least, or never."""
    environ = {"JUPYTER_ORCH__RETENTION__ORPHAN_DAYS": days}
    with pytest.raises(BadInput) as caught:
        load(environ, tmp_path / "none.toml")
    assert caught.value.field == "retention.orphan_days"
    for good in ("0", "1", "1.5"):
        environ = {"JUPYTER_ORCH__RETENTION__ORPHAN_DAYS": good}
        assert load(environ, tmp_path / "none.toml").retention_orphan_days == float(good)


def test_inv10_doctor_shows_every_setting_and_no_secret(tmp_path) -> None:
    """References are shown; of a URL only the host."""
    settings = notify(
        tmp_path,
        **SMTP,
        SMTP__USER="me",
        SMTP__PASSWORD="file:/run/secrets/mail",
        CHANNELS__A__URL="https://chat.example.com/hooks/hunter2?token=hunter2",
        CHANNELS__B__URL="env:B_URL",
        CHANNELS__B__SECRET="ops/key",
    )
    shown = {key: shown_value(settings, key) for key in settings.origins}
    assert shown["notify.channels.a.url"] == "https://chat.example.com/***"
    assert shown["notify.channels.b.url"] == "env:B_URL"
    assert shown["notify.channels.b.secret"] == "ops/key"
    assert shown["notify.smtp.password"] == "file:/run/secrets/mail"
    assert shown["notify.smtp.from"] == "orch@example.com"
    assert "hunter2" not in str(shown)
    assert "hunter2" not in repr(settings)
