"""Ctrl-C and its like at any moment: gone at once, silently, with nothing half done left behind.

What cannot be told: the hundredths of a second in which Python itself starts, before the program's
first line. A signal then has Python's own answer.
"""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from program import ENVIRONMENT, ROOT, start

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def until_listening(running: subprocess.Popen[bytes]) -> None:
    """Wait for the program's own handlers: nothing before them catches SIGTERM."""
    status = Path(f"/proc/{running.pid}/status")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.poll() is None:
        caught = next(line for line in status.read_text().splitlines() if "SigCgt" in line)
        if int(caught.split()[1], 16) >> (signal.SIGTERM - 1) & 1:
            return
        time.sleep(0.001)
    raise AssertionError("it never listened")


def ended(running: subprocess.Popen[bytes], by: signal.Signals) -> tuple[int, bytes, bytes]:
    running.send_signal(by)
    out, err = running.communicate(timeout=60)  # closes the pipes
    return running.returncode, out, err


@pytest.mark.parametrize("seconds", [0, 0.02, 0.05, 0.1, 0.3, 0.7, 1.2, 1.7])
def test_an_interrupt_leaves_the_old_file_or_the_new_one(tmp_path: Path, seconds: float) -> None:
    """During imports, planning, building, the forward, the timing, or the writing."""
    path = tmp_path / "report.json"
    path.write_text("old")
    arguments = ("run", str(ROOT / "configs" / "mynet.yaml"), "--runs", "50", "--format", "json")
    running = start(*arguments, "-o", str(path))
    until_listening(running)
    time.sleep(seconds)
    code, out, err = ended(running, signal.SIGINT)
    # once the file is there, Python may be on its way out, with its own handlers gone
    assert code == 130 if path.read_text() == "old" else code in (130, 0, -signal.SIGINT)
    assert path.read_text() == "old" or json.loads(path.read_text())["schema"]
    assert os.listdir(tmp_path) == ["report.json"]
    assert (out, err) == (b"", b"")


@pytest.mark.parametrize("by", SIGNALS, ids=lambda by: by.name)
def test_a_signal_while_a_file_is_in_the_making_removes_it(
    tmp_path: Path, by: signal.Signals
) -> None:
    arguments = ("run", str(ROOT / "configs" / "mynet.yaml"), "--runs", "100000")
    running = start(*arguments, "-o", str(tmp_path / "report.txt"))
    deadline = time.monotonic() + 60
    while not os.listdir(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.005)
    assert [name.endswith(".tmp") for name in os.listdir(tmp_path)] == [True]
    assert ended(running, by) == (128 + by, b"", b"")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("by", SIGNALS, ids=lambda by: by.name)
def test_a_signal_while_standard_input_is_awaited(by: signal.Signals) -> None:
    running = start("run", "-", stdin=subprocess.PIPE)
    until_listening(running)
    assert ended(running, by) == (128 + by, b"", b"")


def test_an_interrupt_while_a_pipe_without_a_writer_is_awaited(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "net.yaml")
    running = start("run", str(tmp_path / "net.yaml"))
    until_listening(running)
    time.sleep(0.3)
    assert ended(running, signal.SIGINT) == (130, b"", b"")


def test_a_signal_that_the_parent_ignores_stays_ignored() -> None:
    """As ``nohup`` asks."""
    old = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        running = start("run", "-", "--device", "meta", stdin=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGHUP, old)
    until_listening(running)
    running.send_signal(signal.SIGHUP)
    out, err = running.communicate(b"input: [1, 4]\nlayers: [ReLU]\n", timeout=60)
    assert (running.returncode, err) == (0, b"")
    assert b"ReLU" in out


def test_an_interrupt_wipes_the_line_of_progress() -> None:
    ours, theirs = pty.openpty()
    arguments = ("run", str(ROOT / "configs" / "mynet.yaml"), "--runs", "100000")
    running = start(*arguments, stdout=subprocess.DEVNULL, stderr=theirs)
    os.close(theirs)
    said = b""
    while b"..." not in said:
        said += os.read(ours, 1000)
    running.send_signal(signal.SIGINT)
    assert running.wait(timeout=60) == 130
    said += os.read(ours, 1000)
    os.close(ours)
    line, wiped, rest = said.partition(b"\r")
    assert line.startswith(b"running ") and line.endswith(b" on cpu ...")
    assert wiped + rest == b"\r" + b" " * min(len(line) + 2, 99) + b"\r"


SCRIPT = """
import sys, time
from lazyinspect.interrupt import end_on_signals, undoing

def fail():
    print("failing", flush=True)
    raise ValueError

end_on_signals()
with undoing(lambda: print("left", flush=True)):
    pass
with undoing(lambda: print("outer", flush=True)), undoing(fail):
    {work}
"""


def script(work: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(work=work)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=ENVIRONMENT,
    )


def test_what_is_under_way_is_undone_from_the_innermost_out() -> None:
    running = script("print('ready', flush=True); time.sleep(60)")
    assert running.stdout is not None
    assert running.stdout.readline() == b"ready\n"
    assert ended(running, signal.SIGTERM) == (143, b"failing\nouter\n", b"")


def test_workers_go_with_their_parent() -> None:
    work = (
        "from concurrent.futures import ProcessPoolExecutor; import os; "
        "pool = ProcessPoolExecutor(1); print(pool.submit(os.getpid).result(), flush=True); "
        "time.sleep(60)"
    )
    running = script(work)
    assert running.stdout is not None
    worker = int(running.stdout.readline())
    os.kill(worker, 0)
    code, _, err = ended(running, signal.SIGTERM)
    assert (code, err) == (143, b"")
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and _alive(worker):
        time.sleep(0.01)
    assert not _alive(worker)


def _alive(process: int) -> bool:
    try:
        # an orphan that nobody waits for is a zombie, and as good as gone
        return " Z " not in Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
