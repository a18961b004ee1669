"""What the benchmark counts, what it computes from its measurements, and what it refuses."""

import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments import caches, settings
from experiments.benchmarking import benchmark, scaling, timing
from experiments.benchmarking import report as benchmark_report
from experiments.benchmarking.flops import matmul_flops
from experiments.errors import DivergedError, UsageError
from experiments.reporting import machine
from models.networks.mlp import MLP
from tests.experiments.small_runs import small

BATCH, WIDTH, DEPTH, DIM = 16, 8, 3, 2
INPUT, HIDDEN, OUTPUT = (2 * BATCH * size for size in ((2 + DIM) * WIDTH, WIDTH * WIDTH, WIDTH * DIM))
FORWARD = INPUT + (DEPTH - 1) * HIDDEN + OUTPUT


@pytest.fixture(scope="module")
def network():
    model = MLP(width=WIDTH, depth=DEPTH)
    times, points = jnp.zeros((BATCH,)), jnp.ones((BATCH, DIM))
    params = model.init(jax.random.key(0), times, times, points)
    return lambda params, x: model.apply(params, times, times, x), params, points


def counted(function, *arguments):
    return matmul_flops(jax.make_jaxpr(function)(*arguments))


def test_operations_of_a_network_are_those_of_its_layers(network):
    forward, params, x = network
    assert counted(forward, params, x) == FORWARD


def test_a_jvp_doubles_the_forward_pass(network):
    forward, params, x = network
    assert counted(lambda x: jax.jvp(lambda x: forward(params, x), (x,), (x,)), x) == 2 * FORWARD


def test_a_gradient_costs_two_more_forward_passes_but_for_the_input(network):
    forward, params, x = network
    by_params = jax.value_and_grad(lambda params: jnp.sum(forward(params, x) ** 2))
    # Each layer once for its weights and once for its input, which the first layer's is not asked for.
    assert counted(by_params, params) == 3 * FORWARD - INPUT
    by_both = jax.value_and_grad(lambda params, x: jnp.sum(forward(params, x) ** 2), argnums=(0, 1))
    assert counted(by_both, params, x) == 3 * FORWARD


def test_loops_count_as_often_as_they_run_and_branches_as_the_dearest():
    a, b = jnp.ones((3, 4)), jnp.ones((4, 4))
    one = 2 * 3 * 4 * 4
    assert counted(lambda a: jax.lax.scan(lambda a, _: (a @ b, None), a, None, length=7), a) == 7 * one
    assert counted(lambda a: jax.lax.cond(a.sum() > 0, lambda a: a @ b @ b, lambda a: a, a), a) == 2 * one
    assert counted(jax.checkpoint(jax.jit(lambda a: jnp.sin(a) + (a @ b))), a) == one
    # Batched and transposed products, by their output and what is summed over.
    assert counted(lambda a: jnp.einsum("nij,nkj->nik", a, a), jnp.ones((5, 3, 4))) == 5 * 2 * 3 * 3 * 4


def test_a_gradient_of_a_convolution_costs_two_more_of_it():
    x, kernel = jnp.ones((5, 6, 6, 3)), jnp.ones((3, 3, 3, 4))

    def convolved(x, kernel):
        return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))

    one = 2 * (5 * 6 * 6 * 4) * (3 * 3 * 3)
    assert counted(convolved, x, kernel) == one
    assert counted(jax.grad(lambda *both: jnp.sum(convolved(*both) ** 2), argnums=(0, 1)), x, kernel) == 3 * one


def test_the_peak_of_some_devices_is_theirs_or_that_of_the_cores_they_share():
    peak = machine.Peak(sides=(32,))
    assert peak.one > 0
    assert peak.of(1) == peak.one
    peak.one, peak.all = 10.0, 40.0
    assert (peak.of(1), peak.of(2), peak.of(4)) == (10.0, 20.0, 40.0)
    peak.one, peak.all = 10.0, 9.0
    assert peak.of(4) == 10.0


def test_times_are_the_fastest_of_each_taken_in_turn():
    order = []
    programs = {
        name: timing.Program(lambda name=name: order.append(name), steps, 6.0, 0.0, None)
        for name, steps in (("a", 1), ("b", 2))
    }
    found = timing.fastest(programs, repeats=3, seconds=1e-9)
    # One call to warm up and one for a first time, then the rounds.
    assert order == [*"aabb", *("ab" * 3)]
    assert found["a"].seconds > 0
    assert timing.Timed(programs["b"], 2.0).rate == 3.0


def test_a_program_makes_the_steps_of_its_objective(monkeypatch):
    monkeypatch.setattr(timing, "STEPS", (2, 3))
    program = timing.compiled(small("flow_matching", optimizer="adam"), devices=4, rate=1.0)
    # One hidden layer of 8 units, 64 examples; the points have 4 harmonics and the times 2.
    first, last = 2 * 64 * (4 + 2 * (2 * 4 + 2 * 2)) * 8, 2 * 64 * 8 * 2
    assert program.flops == 2 * first + 3 * last
    assert program.steps == 2
    assert program.compile_seconds > 0
    assert program.memory > 0
    # The state is donated: each call goes on from the last one.
    program.run()
    program.run()


OVERHEAD = {
    **{"batch_size": 800, "width": 8, "depth": 1, "ms_per_step": 1.0},
    **{"loop_ms_per_step": 1.25, "host_ms_per_step": 0.025, "host_share": 0.02},
}


@pytest.fixture(scope="module")
def found():
    """A measurement on a machine whose steps take a tenth of a millisecond and a nanosecond per 100 operations."""

    def compiled(run, *, devices, rate):
        flops = round(1e6 * settings.objective_of(run).cost * run.training.batch_size)
        return timing.Program(lambda: None, 1, flops, compile_seconds=1.5, memory=2_000_000)

    def fastest(programs, *, repeats, peak=None):
        return {key: timing.Timed(program, 1e-4 + 1e-11 * program.flops) for key, program in programs.items()}

    with pytest.MonkeyPatch.context() as patch:
        for module in (benchmark, scaling):
            patch.setattr(module, "compiled", compiled)
            patch.setattr(module, "fastest", fastest)
        patch.setattr(benchmark, "overhead", lambda *_, **__: OVERHEAD)
        patch.setattr(benchmark, "in_loop", lambda *_, **__: timing.Loop(step=2e-3, host=1e-4))
        patch.setattr(machine, "matmul_peak", lambda devices, **_: 2e11 if len(devices) > 1 else 1.6e11)
        return benchmark.measure(small(), ["lsd"], sizes={"batch": [64, 128], "devices": [1, 4, 99]})


def test_every_number_follows_from_the_measured_ones(found):
    base, lsd = found["objectives"]
    assert [row["objective"] for row in (base, lsd)] == ["flow_matching", "lsd"]
    # 64 examples at 3 and 4 forward-pass equivalents.
    assert (base["cost"], lsd["cost"]) == (3.0, 4.0)
    assert (base["matmul_gflop"], lsd["matmul_gflop"]) == (0.192, 0.256)
    assert (base["ms_per_step"], lsd["ms_per_step"]) == (pytest.approx(2.02), pytest.approx(2.66))
    assert base["time_ratio"] == base["cost_ratio"] == base["matmul_ratio"] == base["time_per_cost"] == 1.0
    assert lsd["cost_ratio"] == lsd["matmul_ratio"] == pytest.approx(4 / 3)
    assert lsd["time_ratio"] == pytest.approx(2.66 / 2.02)
    assert lsd["time_per_cost"] == pytest.approx(2.66 / 2.02 * 3 / 4)
    assert lsd["gflops"] == pytest.approx(0.256 / 2.66e-3)
    assert lsd["share_of_peak"] == pytest.approx(0.256 / 2.66e-3 / 200)
    assert (lsd["loop_ms_per_step"], lsd["host_ms_per_step"], lsd["host_share"]) == (2.0, 0.1, pytest.approx(0.05))
    assert (lsd["compile_seconds"], lsd["memory_mb"]) == (1.5, 2.0)
    assert (found["machine"]["peak_gflops"], found["machine"]["peak_gflops_one_device"]) == (200.0, 160.0)


def test_scaling_times_each_size_that_the_machine_has(found):
    curves = found["scaling"]["curves"]
    assert found["scaling"]["objective"] == "lsd"
    sizes = {axis: [row["size"] for row in rows] for axis, rows in curves.items()}
    assert sizes == {"batch": [64, 128], "devices": [1, 4]}
    assert [row["ms_per_step"] for row in curves["batch"]] == pytest.approx([2.66, 5.22])
    assert [row["examples_per_second"] for row in curves["batch"]] == pytest.approx([64 / 2.66e-3, 128 / 5.22e-3])
    # A share is one of what that many devices reach.
    shares = [row["share_of_peak"] for row in curves["devices"]]
    assert shares == pytest.approx([0.256 / 2.66e-3 / 160, 0.256 / 2.66e-3 / 200])


@pytest.mark.parametrize(("fixed", "batch"), [(2e-4, 800), (2e-3, 4)])
def test_overhead_is_stated_at_short_steps_or_the_shortest(fixed, batch, monkeypatch):
    # A step takes a fixed time and a microsecond per example.
    monkeypatch.setattr(benchmark, "compiled", lambda run, **_: fixed + 1e-6 * run.training.batch_size)
    monkeypatch.setattr(
        benchmark, "fastest", lambda programs, **_: {b: timing.Timed(None, t) for b, t in programs.items()}
    )
    monkeypatch.setattr(
        benchmark, "in_loop", lambda run, *, dispatches, step: timing.Loop(1.25 * step, 0.025 * step * dispatches)
    )
    monkeypatch.setattr(machine, "matmul_peak", lambda *_, **__: 1.0)
    found = benchmark.overhead(small("flow_matching"), dispatches=1, repeats=1, peak=machine.Peak())
    step = 1e3 * (fixed + 1e-6 * batch)
    assert found == pytest.approx(
        OVERHEAD
        | {"batch_size": batch, "ms_per_step": step}
        | {"loop_ms_per_step": 1.25 * step, "host_ms_per_step": 0.025 * step}
    )


def test_results_are_written_as_json_text_and_pictures(found, tmp_path):
    folder = tmp_path / "new"
    caches.check_writable(folder, name="--out")
    benchmark_report.write(folder, found)
    assert json.loads((folder / "benchmark.json").read_text()) == found
    for name in ("benchmark.png", "scaling.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")
    text = (folder / "benchmark.md").read_text()
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines() if line.startswith("| ")]
    objectives = ["objective", "flow_matching", "lsd"]
    assert [row[0] for row in rows] == [*objectives, *objectives, "batch", "64", "128", "devices", "1", "4"]
    assert rows[2][3:5] == ["4", "1.33"]
    assert "host overhead at 1.00 ms steps: 2.0% (flow matching, MLP of width 8 and depth 1, Adam, batch 800" in text
    with pytest.raises(UsageError, match="cannot write into --out="):
        caches.check_writable(folder / "benchmark.md" / "below", name="--out")


def test_what_was_not_measured_is_a_dash(found):
    rows = [
        row | {"loop_ms_per_step": None, "host_ms_per_step": None, "host_share": None, "memory_mb": None}
        for row in found["objectives"]
    ]
    text = benchmark_report.markdown(found | {"objectives": rows, "overhead": None})
    assert "| -         | -             | -       | -         |" in text
    assert "host overhead: not measured" in text


def test_all_takes_the_rows_that_can_be_run():
    alone = benchmark.plan(small(), ["all"])
    assert next(iter(alone)) == "flow_matching"
    assert not any(settings.objective_of(run).needs_teacher for run in alone.values())
    config = small()
    config.teacher = "exact"
    taught = benchmark.plan(config, ["all"])
    assert {name: bool(run.teacher) for name, run in taught.items()} == {
        name: settings.objective_of(run).needs_teacher for name, run in taught.items()
    }
    assert alone.keys() < taught.keys()


@pytest.mark.parametrize(
    ("objectives", "sizes", "message"),
    [
        ([], {}, "--objectives=; expected at least one, or all"),
        (["lds"], {}, "unknown --objectives='lds'; did you mean 'lsd'"),
        (["lmd"], {}, "objective lmd distils a teacher and none is given"),
        (["lsd"], {"bach": [1]}, "unknown --scaling=bach; did you mean 'batch'"),
        (["lsd"], {"batch": []}, "--batch_sizes=; expected positive whole numbers"),
        (["lsd"], {"width": [64, 0]}, "--width_sizes=64,0; expected positive whole numbers"),
        (["lsd"], {"batch": [62]}, "a batch of 62 on 4 device"),
    ],
)
def test_bad_input_is_refused_before_anything_is_measured(objectives, sizes, message, monkeypatch):
    monkeypatch.setattr(machine, "Peak", lambda sides: pytest.fail("measured"))
    with pytest.raises(UsageError, match=message):
        benchmark.measure(small(), objectives, sizes=sizes)


def test_sizes_are_whole_numbers():
    assert benchmark.read_sizes(["batch"], {"batch": ["8", "16"], "width": ["x"]}) == {"batch": [8, 16]}
    with pytest.raises(UsageError, match="--batch_sizes=64,1e3; expected whole numbers"):
        benchmark.read_sizes(["batch"], {"batch": ["64", "1e3"]})
    # A word that is no axis is refused where the axes are known.
    with pytest.raises(UsageError, match="unknown --scaling=widht; did you mean 'width'"):
        scaling.points(small(), benchmark.read_sizes(["widht"], {}))


def test_networks_without_a_width_are_not_varied_in_it():
    config = small()
    config.network.update({"kind": "unet", "width": 256, "depth": 5})
    with pytest.raises(UsageError, match="--scaling=width, and a network of kind unet has no width; leave it out"):
        scaling.points(config, {"width": [64]})
    assert benchmark.overhead(config, dispatches=3, repeats=1, peak=None) is None


def test_the_loop_is_the_real_one_and_leaves_nothing_behind(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    loop = timing.in_loop(small(optimizer="adam"), dispatches=3, step=1e-3)
    assert loop.step > 0
    assert loop.host > 0
    assert not list(tmp_path.iterdir())


def test_a_loop_that_diverges_has_no_time(monkeypatch):
    def train(config, workdir, *, label):
        raise DivergedError("loss is nan")

    monkeypatch.setattr(timing, "train", train)
    assert timing.in_loop(small(), dispatches=3, step=1e-3) is None


def test_a_loop_that_would_take_too_long_is_not_run():
    assert timing.in_loop(small(), dispatches=100, step=np.inf) is None
