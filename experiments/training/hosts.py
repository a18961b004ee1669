"""Several processes that train one run: connection, heartbeat, and work that process 0 does for all.

``jax.distributed`` connects the processes. Process 0 alone reads and writes files, so the run's folder need not be
shared.
"""

from collections.abc import Callable
import os
import socket
import threading
import time
from typing import Any

import jax
from jax._src import distributed  # the client of the coordinator has no public name; orbax uses it, too
from jax.experimental import multihost_utils
import numpy as np

from experiments import errors
from experiments.errors import CommandError, HostLostError, UsageError

# Names in the environment; jax itself reads the first.
ADDRESS, PROCESSES, PROCESS_ID = "JAX_COORDINATOR_ADDRESS", "JAX_NUM_PROCESSES", "JAX_PROCESS_ID"
MESSAGE_BYTES = 4096  # of an error that all processes raise: its exit code and its message
WATCH = "hosts"  # name of the thread
_ended = threading.Event()  # the watch is no longer needed
WAIT_SECONDS = 24 * 3600  # for process 0 to evaluate or to read; the watch notices if it dies


def connect(
    coordinator: str | None, processes: int | None, process_id: int | None, *, detect: bool, timeout: int
) -> None:
    """Joins the processes of a run; does nothing if neither arguments nor environment name any.

    Args:
      coordinator: host:port of process 0.
      processes: number of processes.
      process_id: number of this one, from 0.
      detect: let jax find all three in the environment of SLURM, Open MPI, Kubernetes or a TPU pod.
      timeout: seconds without a heartbeat after which a process counts as lost.

    Raises:
      UsageError: if only some of the three are given, or the processes do not connect in time.
    """
    coordinator = coordinator or os.environ.get(ADDRESS)
    processes = _number(processes, PROCESSES)
    process_id = _number(process_id, PROCESS_ID)
    given = {"--coordinator": coordinator, "--processes": processes, "--process_id": process_id}
    missing = [name for name, value in given.items() if value is None]
    if len(missing) == 3 and not detect:
        return
    if missing and not detect:
        raise UsageError(
            f"{', '.join(missing)} missing; give all of --coordinator=HOST:PORT, --processes=N and --process_id=K "
            f"(or {ADDRESS}, {PROCESSES}, {PROCESS_ID}), or --detect_hosts on SLURM, Open MPI or a TPU pod"
        )
    if not missing:
        _check(coordinator, processes, process_id)
        if process_id == 0:
            _check_free(coordinator)
    # Signals are taken by experiments.interrupts.
    jax.config.update("jax_enable_preemption_service", False)
    late = UsageError(
        f"the processes did not come together within {timeout} s; expected {processes or 'all'} of them with "
        f"{f'one --coordinator={coordinator}' if coordinator else 'what jax detects'}: start all, check the address "
        "and the firewall"
    )
    # jax aborts the process when its own timeout ends: ours, with its message, must be shorter.
    watch = threading.Timer(timeout, lambda: (errors.say(late), errors.leave(late.code)))
    watch.daemon = True
    watch.start()
    try:
        jax.distributed.initialize(
            coordinator,
            processes,
            process_id,
            # On a cluster jax chooses the devices of each process, too.
            cluster_detection_method=None if detect else "deactivate",
            initialization_timeout=timeout + 60,
            # The watch below must notice first.
            heartbeat_timeout_seconds=3 * timeout,
        )
    except Exception as error:  # grpc, value and type errors, by cluster
        raise UsageError(f"{late} ({str(error).splitlines()[0][:200]})") from error
    finally:
        watch.cancel()
    threading.Thread(target=_watch, args=(timeout,), daemon=True, name=WATCH).start()


def _number(value: int | None, name: str) -> int | None:
    text = os.environ.get(name)
    if value is not None or text is None:
        return value
    if not text.isdecimal():
        raise UsageError(f"{name}={text!r} in the environment; expected a whole number")
    return int(text)


def _check(coordinator: str, processes: int, process_id: int) -> None:
    host, _, port = coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise UsageError(f"--coordinator={coordinator}; expected HOST:PORT, such as 10.0.0.1:1234")
    if processes < 1 or not 0 <= process_id < processes:
        raise UsageError(f"--process_id={process_id} of --processes={processes}; expected 0 <= process_id < processes")


def _check_free(coordinator: str) -> None:
    """Checks that process 0 can listen at its port, for which jax has messages of its own."""
    try:
        with socket.create_server(("", int(coordinator.rpartition(":")[2]))):
            pass
    except (OSError, OverflowError) as error:
        raise UsageError(
            f"--coordinator={coordinator}: cannot listen at that port ({error}); choose another, the same for all"
        ) from error


def _watch(timeout: int) -> None:
    """Ends this process when another one has had no heartbeat for ``timeout`` seconds."""
    client, own, count = distributed.global_state.client, jax.process_index(), jax.process_count()
    seen: dict[int, tuple[str, float]] = {}
    beat = 0
    while not _ended.wait(min(1.0, timeout / 4)):
        beat += 1
        try:
            client.key_value_set(f"alive/{own}", str(beat), allow_overwrite=True)
            signs = {int(key.rpartition("/")[2]): value for key, value in client.key_value_dir_get("alive/")}
        except Exception:  # of any kind: the coordinator does not answer
            _lost("process 0, the coordinator,")
        now = time.monotonic()
        for process in range(count):
            sign = signs.get(process, "")
            if seen.get(process, ("-", now))[0] != sign:
                seen[process] = sign, now
            # A process that finished has written "done".
            if sign != "done" and now - seen[process][1] > timeout:
                _lost(f"process {process}")
    client.key_value_set(f"alive/{own}", "done", allow_overwrite=True)


def _lost(who: str) -> None:
    errors.say(HostLostError(f"{who} is gone; start all processes again: the run continues from its last checkpoint"))
    errors.leave(errors.HOST_LOST)


def is_first() -> bool:
    """Whether this process reads and writes the files of the run."""
    return jax.process_index() == 0


def barrier(name: str) -> None:
    """Returns when all processes have called it.

    Args:
      name: used once in a run.
    """
    if jax.process_count() > 1:
        distributed.global_state.client.wait_at_barrier(name, 1000 * WAIT_SECONDS)


def on_first(function: Callable[[], Any], *, name: str) -> Any:
    """Calls a function on process 0, and raises its error on all processes.

    Args:
      function: called on process 0 alone.
      name: used once in a run.

    Returns:
      its result on process 0, None elsewhere.

    Raises:
      CommandError: that of process 0, of the same kind everywhere.
    """
    if jax.process_count() == 1:
        return function()
    result, fault = None, b""
    if is_first():
        try:
            result = function()
        except CommandError as error:
            fault = bytes([error.code]) + str(error).encode()
    barrier(name)
    data = np.frombuffer(fault[:MESSAGE_BYTES].ljust(MESSAGE_BYTES, b"\0"), np.uint8)
    fault = bytes(np.asarray(multihost_utils.broadcast_one_to_all(data))).rstrip(b"\0")
    if fault:
        raise errors.KINDS[fault[0]](fault[1:].decode(errors="ignore"))
    return result


def from_first(tree: Any) -> Any:
    """The arrays of process 0 on all processes.

    Args:
      tree: arrays; elsewhere than on process 0 only their shapes and types matter.

    Returns:
      a tree of arrays in the memory of the host.
    """
    if jax.process_count() == 1:
        return tree
    return jax.tree.map(np.asarray, multihost_utils.broadcast_one_to_all(tree))


def finish() -> None:
    """Closes the connection, so that the other processes do not count this one as lost."""
    if not jax.distributed.is_initialized():
        return
    _ended.set()
    for thread in threading.enumerate():
        if thread.name == WATCH:
            thread.join()
    jax.distributed.shutdown()
