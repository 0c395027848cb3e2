"""Random command lines -> an exit code that is documented. ``-m fuzz.command_line SECONDS SEED``.

Each runs in this process, in an empty folder of its own, as ``lazyinspect.cli.main`` runs it.
"""

from __future__ import annotations

import io
import os
import re
import sys
import tempfile
import time
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path
from random import Random

from fuzz.findings import Figures
from fuzz.judge import Ended, Finding, place
from lazyinspect import cli

SPEC = """\
input: [1, 3, 8, 8]
params: {c: 4, act: ReLU, name: n}
variants: {small: {c: 2, name: x}, large: {c: 8, name: y}}
layers:
  conv: {LazyConv2d: [$c, 3]}
  act: $act
"""
_OPTIONS = (
    "--variant", "--set", "--input", "--batch", "--allow", "--device", "--dtype", "--warmup",
    "--runs", "--seed", "--init", "--memory-limit", "--depth", "--columns", "--format",
    "--output", "-o",
)  # fmt: skip
_FLAGS = (
    "--train", "--eval", "--time", "--no-time", "--fold", "--no-fold", "--no-color", "--debug",
    "--help", "-h", "--version", "--", "-", "--nothing", "-x", "--columns=", "-o-",
)  # fmt: skip
_COMMANDS = ["run"] * 12 + ["walk", ""]
_COMMANDS += [str(command.callback.__name__) for command in cli.app.registered_commands]
_GOOD = {
    "--variant": ("small", "large", "all", "none"),
    "--set": ("c=3", "name=x", "c=[1, 2]", "act={LeakyReLU: 0.1}", "act=Tanh", "name='a'", "c=1e3"),
    "--input": ("1,3,8,8", "[2,3,9,9]", "input=1,3,8,8", "1", "x=1,2"),
    "--batch": ("1", "7", "0"),
    "--allow": ("os.system", "torch.nn.ReLU", "nowhere.Class", "a.b.c", "torch.nn", "json.decoder"),
    "--device": ("meta", "meta:0", "meta"),
    "--dtype": ("float32", "float16", "int8"),
    "--seed": ("0", "-1", "18446744073709551616"),
    "--memory-limit": ("1GiB", "0", "8 TB", "1e3", "1e999MB", "-0", "1.5.2", "KB", "0x1F", "1_0"),
    "--columns": ("type,params", "time", "type,type", "args,input,output,bytes,buffers,line"),
    "--format": ("table", "json", "csv", "markdown", "yaml"),
    "--output": ("out.txt", "no/out.txt", ".", "-", "/dev/null", "/dev/full"),
}
_ODD = (
    "", " ", "=", "==", "a=", "=a", ",", ",,", "-", "--", "0", "-1", "1e5", "9" * 400, "9" * 5000,
    "0x" + "f" * 5000, "nan", "inf", "-inf", "٣", "²", "½", "é", "\x1b[31m", "\n", "a\nb", "\t",
    "\udcff", "a=\udcff", "a=[\udcff", "\U0001f600", "\u202e", "$", "$c", "$(", "[", "[1",
    "{", "{a", "{a: }", "'", '"', "!!python/name:os.system", "&a", "*a", "a: b: c", "c=&a 1",
    "c=!!int 1", "c={a: {b: 1}}",
    "c=[" + "[" * 70, "c=" + "x" * 3000, "/", "..", "~", "*", "%s", "{}", "\\",
    "x" * 300,
    "c=$c", "c=1,2", "None", "null", "true", "1;2", "--set", "spec.yaml",
)  # fmt: skip


def command_line(rng: Random) -> list[str]:
    """A command line that is mostly nearly right, and never runs on a device."""
    command = rng.choice(_COMMANDS)
    arguments = [command] if command or rng.randrange(2) else []
    if command not in ("layers", "explain") and rng.randrange(19):
        arguments.append(rng.choice(("spec.yaml",) * 9 + (_text(rng), "-")))
    elif rng.randrange(3):
        arguments.append(rng.choice(("LazyConv2d", "Parameter", "yaml-syntax", _text(rng))))
    for _ in range(rng.choice((0, 1, 1, 2, 3, 5))):
        if rng.randrange(4) == 0 or (command != "run" and rng.randrange(2)):
            arguments.append(rng.choice(_FLAGS))
            continue
        option = rng.choice(_OPTIONS)
        good = _GOOD.get("--output" if option == "-o" else option, ("0", "1", "zeros"))
        # what is allowed is imported, and what is a device is run on: no random texts there
        known = rng.randrange(7) or option in ("--allow", "--device")
        value = rng.choice(good) if known else _text(rng)
        arguments += [f"{option}={value}"] if rng.randrange(2) else [option, value]
    if command == "run":
        arguments += ["--device", "meta"]
    return arguments


def _text(rng: Random) -> str:
    if rng.randrange(2):
        return rng.choice(_ODD)
    alphabet = "ab01-=,.:$[]{}()'\"!&*#|>%@`\\/ \t\n\x00é\u2028\udcfe\U0001f600"
    return "".join(rng.choice(alphabet) for _ in range(rng.randrange(12))).replace("\0", "")


def judge(arguments: list[str], typed: bytes = SPEC.encode()) -> Ended:
    """Run a command line as the program does. Raises Finding where it ends as none should.

    Args:
        typed: what standard input holds.
    """
    out, err = _stream(), _stream()
    begin = time.process_time()
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        Path(folder, "spec.yaml").write_text(SPEC)
        stack.callback(os.chdir, os.getcwd())
        os.chdir(folder)
        stack.enter_context(redirect_stdout(out))
        stack.enter_context(redirect_stderr(err))
        stdin, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(typed))
        try:
            code = cli.main(arguments)
        except BaseException as error:
            raise Finding(f"escapes: {place(error)}", repr(arguments)) from error
        finally:
            sys.stdin = stdin
        left = sorted(name for name in os.listdir() if name.endswith(".tmp"))
    said = err.buffer.getvalue().decode("utf-8", "replace")  # type: ignore[attr-defined]
    if code not in (0, 1, 2, 3):
        what = re.search(r"failed with (.{1,60})|error\[(\S+)\]", said)
        raise Finding(f"exit code {code}: {what and what[0]}", f"{arguments!r}\n{said}")
    if code and not said.strip() and not out.buffer.getvalue():  # type: ignore[attr-defined]
        raise Finding(f"exit code {code} in silence", repr(arguments))
    if "Traceback" in said and "--debug" not in arguments:
        raise Finding("traceback", f"{arguments!r}\n{said}")
    if left:
        raise Finding("left behind", f"{arguments!r}\n{left}")
    # a usage error or a file's name may not steer the terminal
    if "\x1b" in said:
        raise Finding("escape", f"{arguments!r}\n{said!r}")
    return Ended("plan" if code == 0 else f"exit-{code}", time.process_time() - begin, 0)


def _stream() -> io.TextIOWrapper:
    return io.TextIOWrapper(io.BytesIO(), encoding="utf-8", errors="strict", write_through=True)


def fuzz(seconds: float, seed: int, most: int | None = None) -> Figures:
    """Judge command lines for so many seconds.

    Args:
        most: cases at most.
    """
    figures = Figures("command_line")
    rng = Random(seed)
    begin = time.monotonic()
    while time.monotonic() - begin < seconds and figures.cases != most:
        arguments = command_line(rng)
        typed = rng.choice((SPEC.encode(), b"", b"\xff", bytes(9), b"- " * 600_000))
        try:
            figures.ended(judge(arguments, typed))
        except Finding as finding:
            figures.found(finding, repr((arguments, typed[:50])).encode())
    figures.seconds = time.monotonic() - begin
    return figures


if __name__ == "__main__":
    print(fuzz(float(sys.argv[1]), int(sys.argv[2])).text())
