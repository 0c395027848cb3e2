"""Every file of attempts/ tries to make a spec do more than describe a network. None succeeds.

They are planned in one process under an audit hook, which sees what Python itself reports: files
opened, modules imported, code executed, processes started, sockets.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import audited
import pytest

from lazyinspect.codes import CODES

ROOT = Path(__file__).parents[2]
ATTEMPTS = sorted((Path(__file__).parent / "attempts").glob("*.yaml"))


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What came of each attempt, by its name, and what lies in the folder afterwards."""
    here = tmp_path_factory.mktemp("attempts")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", audited.__file__],
        input=json.dumps([str(path) for path in ATTEMPTS]),
        cwd=here,
        env={**os.environ, "LAZYINSPECT_ROOT": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers = json.loads(done.stdout)
    found = {path.stem: answer for path, answer in zip(ATTEMPTS, answers, strict=True)}
    found["the folder"] = {"files": [path.name for path in here.iterdir()]}
    return found


@pytest.mark.parametrize("name", [path.stem for path in ATTEMPTS])
def test_an_attempt_is_refused_and_does_nothing(
    outcomes: dict[str, dict[str, Any]], name: str
) -> None:
    outcome = outcomes[name]
    assert outcome["events"] == []
    assert outcome["torch"] is False
    assert outcome["code"] in (1, 2, 3)
    code = outcome["text"].partition("[")[2].partition("]")[0]
    assert CODES[code].exit_code == outcome["code"]


def test_no_attempt_leaves_a_file(outcomes: dict[str, dict[str, Any]]) -> None:
    assert outcomes["the folder"]["files"] == []


CONTROLS = {
    "os.system": "os.system('true')",
    "open": "open(os.devnull, 'w').close()",
    "exec": "exec(compile('1', 'a spec', 'exec'))",
    "compile": "compile('1', 'a spec', 'eval')",
    "import": "__import__('evil')",
    "subprocess.Popen": "subprocess.Popen(['true']).wait()",
    "socket.__new__": "socket.socket().close()",
    "os.listdir": "os.listdir('/')",
    "os.remove": "os.remove('evil')",
}


@pytest.mark.parametrize("event", CONTROLS)
def test_the_hook_sees_what_an_attempt_would_do(event: str) -> None:
    code = (
        f"import contextlib, os, socket, subprocess, sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "import audited\n"
        "recorder = audited.Recorder(); sys.addaudithook(recorder); recorder.on = True\n"
        f"with contextlib.suppress(OSError, ImportError): {CONTROLS[event]}\n"
        "recorder.on = False\n"
        "print(*recorder.events, sep='\\n')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(audited.__file__).parent)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert event in {line.partition(" ")[0] for line in done.stdout.splitlines()}
