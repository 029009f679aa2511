"""How the demo configures the service, hands its settings on, and answers signals."""

from __future__ import annotations

import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from stream.sandbox.demo.keep import dotenv, outcome_line
from stream.sandbox.demo.service import SECRET_FILE, EndSignals, Service, service_settings
from stream.sandbox.demo.table import RUN_ANOTHER, SEND, scripts
from stream.settings import load_settings

if TYPE_CHECKING:
    from pathlib import Path


def _settings(directory: Path) -> dict[str, str]:
    (directory / SECRET_FILE).write_text("made up: +&=%/ é")
    return service_settings("http://127.0.0.1:8480", "demo-client", "127.0.0.1:9092", directory)


def test_the_settings_are_good_without_a_warning(tmp_path: Path) -> None:
    """The service takes them as they are, with the secret from its file."""
    settings = load_settings(_settings(tmp_path), tmp_path)
    assert settings.cxone.client_secret() == "made up: +&=%/ é"
    assert settings.kafka.dead_letter_topic == "cxone.dead-letters"
    assert settings.warnings == ()


def test_a_second_instance_finds_the_same_settings_in_dotenv(tmp_path: Path) -> None:
    """A service started in the run's directory, whose name may hold blanks, reads them all from `.env`."""
    directory = tmp_path / "a b"
    directory.mkdir()
    (directory / ".env").write_text(dotenv(_settings(directory)))
    first, second = load_settings(_settings(directory), tmp_path), load_settings({}, directory)
    assert second.cxone.base_url == first.cxone.base_url
    assert second.cxone.client_secret() == first.cxone.client_secret()
    assert second.kafka.input_topics == first.kafka.input_topics
    assert second.stream == first.stream


def test_the_service_gets_no_setting_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the user has set for a real service does not reach the demo's, and it says how it ended."""
    monkeypatch.setenv("KAFKA_BOOTSTRAP_SERVERS", "production:9092")
    service = Service({}, tmp_path)
    assert service.exit_code is None
    service.start()
    assert service.wait(20.0) == 2
    assert "KAFKA_BOOTSTRAP_SERVERS" in service.log_tail()
    assert "production" not in service.log_tail()


def test_a_service_that_cannot_start_tells_why_in_its_log(tmp_path: Path) -> None:
    """Its last lines can be shown, and ending it once more does no harm."""
    service = Service({"STREAM_DRAIN_S": "no number"}, tmp_path)
    service.end()
    service.start()
    assert service.wait(20.0) == 2
    assert "STREAM_DRAIN_S" in service.log_tail()
    service.end()


def test_the_first_signal_interrupts_and_the_next_is_ignored() -> None:
    """Ctrl-C ends the demo once; pressed again while all ends in order, it does nothing."""
    before = signal.getsignal(signal.SIGTERM)
    with EndSignals():
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGTERM)
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGTERM) is before


def test_signals_are_ignored_once_all_ends_anyway() -> None:
    """After the verdict nothing interrupts the cleaning up."""
    with EndSignals() as signals:
        signals.ignore()
        signal.raise_signal(signal.SIGINT)


def test_the_scripts_of_a_kept_run_are_sound_shell(tmp_path: Path) -> None:
    """One runs the service in the run's directory, the other refuses to send without a key."""
    directory = tmp_path / "a b"
    directory.mkdir()
    for name, text in scripts("127.0.0.1:9", directory, sys.executable, "pwd #").items():
        (directory / name).write_text(text)
    ran = subprocess.run(["/bin/sh", directory / RUN_ANOTHER], cwd="/", check=True, capture_output=True, text=True)
    assert ran.stdout.strip() == str(directory)
    sent = subprocess.run(["/bin/sh", directory / SEND], check=False, capture_output=True, text=True)
    assert sent.returncode != 0
    assert "the key is missing" in sent.stderr


def test_an_outcome_is_told_in_one_line() -> None:
    """A change shows record, version and time; a failure its code and message."""
    applied = {"result": "APPLIED", "dataStoreId": "tickets", "recordId": "7", "version": 3, "error": None}
    assert outcome_line(applied, 245.2) == "  APPLIED  tickets/7 is version 3, 245 ms after its event"
    failed = {"result": "INVALID", "error": {"code": "not_json", "message": "The value is not JSON at character 3."}}
    assert outcome_line(failed, 1.0) == "  INVALID  not_json: The value is not JSON at character 3."
