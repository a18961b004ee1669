"""Faults in the options that join several processes."""

import atexit
import socket

import pytest

from tests.experiments.bad_input.cases import training

# Somebody who listens and is no coordinator.
TAKEN = socket.create_server(("", 0))
atexit.register(TAKEN.close)
# Nothing listens at port 1.
HOSTS = "--coordinator=localhost:1 --processes=2"


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("localhost", 0))
        return found.getsockname()[1]


CASES = {
    "only the number": training(
        "--processes=2",
        "--coordinator, --process_id missing; give all of --coordinator=HOST:PORT, --processes=N and --process_id=K",
    ),
    "no coordinator": training("--processes=2 --process_id=0", "--coordinator missing; give all of"),
    "only a coordinator of the environment": training(
        "", "--processes, --process_id missing", environment={"JAX_COORDINATOR_ADDRESS": "localhost:1"}
    ),
    "no port": training(
        f"{HOSTS} --process_id=0 --coordinator=localhost", "--coordinator=localhost; expected HOST:PORT, such as"
    ),
    "a port that is a word": training(
        f"{HOSTS} --process_id=0 --coordinator=localhost:ssh", "--coordinator=localhost:ssh; expected HOST:PORT"
    ),
    "a number out of range": training(
        f"{HOSTS} --process_id=2", "--process_id=2 of --processes=2; expected 0 <= process_id < processes"
    ),
    "a negative number": training(f"{HOSTS} --process_id=-1", "--process_id=-1 of --processes=2; expected 0 <="),
    "no processes": training(f"{HOSTS} --process_id=0 --processes=0", "--process_id=0 of --processes=0; expected 0 <="),
    "a word for a number": training("--processes=two", "flag --processes=two: invalid literal for int()"),
    "a word in the environment": training(
        "",
        "JAX_NUM_PROCESSES='two' in the environment; expected a whole number",
        environment={"JAX_NUM_PROCESSES": "two"},
    ),
    "a word for this process in the environment": training(
        "", "JAX_PROCESS_ID='x' in the environment; expected a whole number", environment={"JAX_PROCESS_ID": "x"}
    ),
    "a digit that is no number": training(
        "", "JAX_NUM_PROCESSES='²' in the environment; expected", environment={"JAX_NUM_PROCESSES": "²"}
    ),
    "no time to wait": training(
        "--host_timeout=0", "flag --host_timeout=0: 0 is not an integer in the range [1, 604800]"
    ),
    "no cluster to detect": training(
        "--detect_hosts --host_timeout=1", "the processes did not come together within 1 s"
    ),
    "a host that is none": training(
        "--coordinator=a..b:1 --processes=2 --process_id=1 --host_timeout=1", "--coordinator=a..b:1"
    ),
    "nobody else": training(
        f"--coordinator=localhost:{free_port()} --processes=2 --process_id=0 --host_timeout=1",
        "the processes did not come together within 1 s",
    ),
    "a port that is taken": training(
        f"--coordinator=localhost:{TAKEN.getsockname()[1]} --processes=2 --process_id=0 --host_timeout=1",
        f"--coordinator=localhost:{TAKEN.getsockname()[1]}: cannot listen at that port ([Errno",
    ),
    "a coordinator that is none": training(
        f"--coordinator=localhost:{TAKEN.getsockname()[1]} --processes=2 --process_id=1 --host_timeout=1",
        "the processes did not come together within 1 s",
    ),
    "a coordinator out of reach": training(
        f"{HOSTS} --process_id=1 --host_timeout=1", "did not come together within 1 s"
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_ends_in_one_line(case, ends_in_one_line):
    ends_in_one_line(case)
