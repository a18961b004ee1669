"""Runs many commands fast: one process imports what they need once, and each command is a fork of it.

``Commands`` is the side of the tests. ``python -m tests.experiments.commands`` is the process, which reads one request
a line and answers each by a line.
"""

import atexit
from collections.abc import Mapping, Sequence
import gc
import importlib
import json
import os
from pathlib import Path
import resource
import runpy
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from typing import NamedTuple, NoReturn
import warnings

ROOT = Path(__file__).parent.parent.parent
# With these, everything that a command imports is there. None may start a jax backend: it does not survive a fork.
MODULES = (
    *(
        "experiments.compare",
        "experiments.benchmark",
        "experiments.costs",
        "experiments.time_to_quality",
        "experiments.ablate",
        "experiments.training.dry_run",
        "taxonomy.render",
        "objectives.build",
    ),
    *(
        "experiments.sample",
        "experiments.steer",
        "experiments.finetune",
        "experiments.likelihood",
        "experiments.invert",
    ),
    *(
        "experiments.compare_samplers",
        "experiments.random_walk",
        "experiments.probe",
        "experiments.animate",
        "experiments.randomness",
        "experiments.symptom",
    ),
    *("experiments.export", "experiments.card", "safetensors.numpy"),
)


class Ended(NamedTuple):
    """How a command ended; the code is minus the number of the signal that ended it."""

    code: int
    stdout: str
    stderr: str


class Commands:
    """The process that runs commands, one after the other."""

    def __init__(self) -> None:
        self._cache = tempfile.TemporaryDirectory(prefix="flowmap-commands-")
        settings = {
            "OPENBLAS_NUM_THREADS": "1",  # threads do not survive a fork either
            "PYTHONDONTWRITEBYTECODE": "1",  # beside a configuration file, which a test may look for
            # Compiling takes most of the time, as in tests/conftest.py; what one command has compiled, others find.
            "JAX_DISABLE_MOST_OPTIMIZATIONS": "1",
            "JAX_COMPILATION_CACHE_DIR": self._cache.name,
            "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
            "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
        }
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.experiments.commands"],
            cwd=ROOT,
            env=os.environ | settings,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(
        self,
        module: str,
        *arguments: str,
        cwd: Path = ROOT,
        environment: Mapping[str, str] | None = None,
        timeout: float = 120,
        file_bytes: int | None = None,
    ) -> Ended:
        """``python -m module arguments`` in a folder; TimeoutError if it takes longer than that.

        With ``file_bytes``, no file that the command writes may be larger: as a full disk, it fails.
        """
        request = {
            "module": module,
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": dict(environment or {}),
            "timeout": timeout,
            "file_bytes": file_bytes,
        }
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process that runs commands ended with code {self._process.wait()}")
        ended = Ended(**json.loads(answer))
        if ended.code == -signal.SIGKILL:
            raise TimeoutError(f"{module} {' '.join(arguments)} took longer than {timeout} s:\n{ended.stderr}")
        return ended

    def close(self) -> None:
        """Ends the process."""
        with self._process:
            self._process.stdin.close()
        self._cache.cleanup()


def _serve() -> tuple[str, Sequence[str]] | None:
    """Answers requests; returns what to run in each fork, and None at the end of the requests."""
    xla_bridge = importlib.import_module("jax._src.xla_bridge")
    for module in MODULES:
        importlib.import_module(module)
    if xla_bridge.backends_are_initialized():
        raise RuntimeError(f"importing one of {', '.join(MODULES)} starts a jax backend")
    gc.freeze()  # otherwise the first collection in a fork touches, and so copies, all memory
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of jax and of Python, which fear threads
                child = os.fork()
            if child == 0:
                with open(os.devnull) as nothing:
                    for descriptor, file in enumerate((nothing, stdout, stderr)):
                        os.dup2(file.fileno(), descriptor)
                if request["file_bytes"] is not None:
                    resource.setrlimit(resource.RLIMIT_FSIZE, (request["file_bytes"],) * 2)
                os.chdir(request["cwd"])
                os.environ.update(request["environment"])
                return request["module"], request["arguments"]
            code = _wait(child, request["timeout"])
            stdout.seek(0)
            stderr.seek(0)
            answer = {"code": code, "stdout": stdout.read(), "stderr": stderr.read()}
        print(json.dumps(answer), flush=True)
    return None


def _wait(child: int, timeout: float) -> int:
    """The exit code of a child, which is killed if it takes longer than that."""
    end = time.monotonic() + timeout
    while True:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
        time.sleep(0.01)


def _run(module: str, arguments: Sequence[str]) -> NoReturn:
    """Runs a command and ends as Python would, but without freeing every object, which takes seconds in a fork."""
    sys.argv = [module, *arguments]
    # What is run as the main module must not have been imported under its name.
    sys.modules.pop(module, None)
    code = 0
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        traceback.print_exc()
        code = 1
    threading._shutdown()
    atexit._run_exitfuncs()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


if __name__ == "__main__":
    asked = _serve()
    if asked is not None:
        _run(*asked)
