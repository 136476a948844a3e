"""A tenth of a day of a busy installation in fast motion, accounted for to the last attempt."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
KEEP_DAYS = 0.02  # 29 minutes: retention goes round several times


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_tenth_of_a_day_in_fast_motion_adds_up(tmp_path: Path) -> None:
    """Clocks go back, workers and the service die; nothing is missed, doubled, lost or piled up."""
    command = [sys.executable, str(ROOT / "benchmarks" / "fast_motion.py"), "--days", "0.1"]
    command += ["--keep-days", str(KEEP_DAYS), "--folder", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=880)
    assert done.stdout, done.stderr[-3000:]
    (tmp_path / "figures.json").write_text(done.stdout)
    found = json.loads(done.stdout)
    assert found["faults"] == [], found["notes"]
    assert found["due"] > 9_000
    assert found["executions"] > 9_000
    assert found["skipped_instants"] > 0, "the service was down, and everything was caught up with"
    assert found["lost"] > 0, "no attempt died with its worker"
    assert found["attempts"]["user_error"] > 100
    assert found["backfills"] > 0
