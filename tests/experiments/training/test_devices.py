"""One training step, however it is spread: over devices, over parts of a batch, in time, in precision."""

import math
import os
from pathlib import Path
import re
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from experiments.training import devices as mapping
from experiments.training.state import initial_state
from models.flow_map_model import bind, count_parameters
from tests.experiments.training.test_step import config_for, dispatch_of, parts
from tests.xla_flags import flags

ROOT = Path(__file__).parents[3]
STEPS = 6


def curve(*, devices=1, remat=False, **training):
    config = config_for("lsd", optimizer="adam", learning_rate=1e-3, **training)
    config.network.remat = remat
    run, state = dispatch_of(config, devices=devices, steps=STEPS)
    state, report = run(state)
    return mapping.on_host(state), mapping.on_host(report)


@pytest.fixture(scope="module")
def plain():
    return curve()


@pytest.mark.parametrize(
    "how",
    [
        {"devices": 4},
        {"devices": 4, "device_mapping": "shard_map"},
        pytest.param({"grad_accumulation": 4}, marks=pytest.mark.slow),
        {"devices": 2, "grad_accumulation": 2, "device_mapping": "shard_map"},
        pytest.param({"remat": True}, marks=pytest.mark.slow),
        {"nonfinite": "skip"},
    ],
    ids=str,
)
def test_it_is_the_same_run_however_it_is_computed(plain, how):
    state, report = curve(**how)
    for name, values in report.metrics.items():
        np.testing.assert_allclose(values, plain[1].metrics[name], rtol=2e-5, err_msg=name)
    for ours, theirs in zip(jax.tree.leaves(state.params), jax.tree.leaves(plain[0].params), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)
    assert int(state.step) == STEPS
    assert int(state.skipped) == 0


@pytest.mark.slow
def test_eight_devices_give_the_same_curve_and_hold_exact_shares(plain):
    script = (
        "import jax, numpy as np\n"
        "from experiments.training import draws\n"
        "from objectives.mixture import counts\n"
        "from tests.experiments.training.test_devices import config_for, curve, parts\n"
        "_, objective, dataset, _ = parts(config_for('lsd'))\n"
        "sizes = counts(objective.terms, 1600, devices=8)\n"
        "def times(device):\n"
        "    return [draws.draw(term, dataset, jax.random.key(0), device * size, size).times\n"
        "            for term, size in zip(objective.terms, sizes)]\n"
        "off = np.concatenate([np.asarray(t.s != t.t) for t in jax.pmap(times)(np.arange(8))], axis=1)\n"
        "print(off.shape, off.mean(axis=1).tolist())\n"
        "print(curve(devices=8)[1].metrics['loss'].tolist())\n"
    )
    environment = os.environ | {"XLA_FLAGS": flags(devices=8)}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
    )
    shares, losses = found.stdout.strip().splitlines()
    assert shares == f"(8, 200) {[0.25] * 8}", found.stderr
    np.testing.assert_allclose(np.array(eval(losses)), plain[1].metrics["loss"], rtol=1e-5)


def test_parts_of_the_report_belong_together(plain):
    metrics = plain[1].metrics
    np.testing.assert_allclose(
        metrics["weighted/diagonal"] + metrics["weighted/lagrangian"], metrics["loss"], rtol=1e-6
    )
    # LSD's residuals carry no weight.
    np.testing.assert_allclose(metrics["weighted/lagrangian"], metrics["raw/lagrangian"], rtol=1e-6)
    assert np.all(metrics["grad_norm"] <= metrics["grad_norm/diagonal"] + metrics["grad_norm/lagrangian"] + 1e-6)
    np.testing.assert_allclose(metrics["learning_rate"], 5e-4 * (1 + np.cos(np.pi * np.arange(STEPS) / 10)), rtol=1e-5)
    state, decay = plain[0], 0.999
    leaves = [jax.tree.leaves(tree) for tree in (state.ema[0], state.params)]
    apart = np.sqrt(sum(np.sum((a - p) ** 2) for a, p in zip(*leaves, strict=True)))
    size = np.sqrt(sum(np.sum(p**2) for p in leaves[1]))
    np.testing.assert_allclose(plain[1].last[f"ema_distance/{decay:g}"], apart / size, rtol=1e-4)


def test_the_given_state_is_donated_and_copies_on_the_host_are_not():
    run, state = dispatch_of(config_for(), devices=2, steps=1)
    kept = mapping.on_host(state)
    before = [leaf.copy() for leaf in jax.tree.leaves(kept)]
    run(state)
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(state))
    for ours, theirs in zip(jax.tree.leaves(kept), before, strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.slow
def test_rematerialization_keeps_less():
    config = config_for("lsd", batch_size=4096)
    config.network.update({"width": 64, "depth": 4, "activation": "gelu"})
    planned = {}
    for remat in (False, True):
        config.network.remat = remat
        model, objective, dataset, _ = parts(config)
        run, _ = dispatch_of(config, devices=1, steps=1)
        shapes = jax.eval_shape(lambda m=model, o=objective, d=dataset: initial_state(config, m, o, d.shape))
        planned[remat] = run.planned_bytes(shapes)
    assert planned[True] < 0.8 * planned[False]


def test_bfloat16_is_for_hidden_layers_alone():
    config = config_for("lsd", optimizer="adam", learning_rate=1e-3)
    config.network.update({"width": 16, "depth": 2, "time_features": 2, "point_features": 1, "dtype": "bfloat16"})
    model, objective, dataset, _ = parts(config)
    params = initial_state(config, model, objective, dataset.shape).params
    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {np.dtype("float32")}
    s, x = jnp.full((4,), 0.3), jnp.ones((4, 2))
    jaxpr = jax.make_jaxpr(bind(model, params))(s, s, x)
    made = {
        name: [
            str(out.aval.dtype)
            for equation in jaxpr.eqns
            for out in equation.outvars
            if equation.primitive.name == name
        ]
        for name in ("dot_general", "sin")
    }
    assert made == {"dot_general": ["bfloat16", "bfloat16", "float32"], "sin": ["float32"] * 2}
    exact = config_for("lsd")
    exact.network.update(config.network.to_dict() | {"dtype": "float32"})
    ours, theirs = (bind(parts(c)[0], params)(s, s, x) for c in (config, exact))
    assert ours.dtype == jnp.float32
    np.testing.assert_allclose(ours, theirs, atol=0.02 * float(jnp.abs(theirs).max()))
    run, state = dispatch_of(config, devices=1, steps=2)
    assert np.isfinite(mapping.on_host(run(state)[1].metrics["loss"])).all()


def test_an_unknown_mapping_is_named():
    with pytest.raises(ValueError, match=r"mapping = 'vmap'; expected one of pmap, shard_map"):
        mapping.over_devices(lambda state, inputs: (state, inputs), devices=1, mapping="vmap")


def test_a_program_from_the_disk_is_the_one_that_was_compiled(tmp_path):
    """Within a larger program, where the devices' indices are constants: what does not wait is reached at once."""
    script = (
        "import jax\n"
        "from tests.experiments.training.test_step import config_for, dispatch_of\n"
        "jax.config.update('jax_disable_most_optimizations', True)\n"
        "jax.config.update('jax_persistent_cache_min_compile_time_secs', 0.3)\n"
        "hits = []\n"
        "jax.monitoring.register_event_listener(lambda event, **_: hits.append(event))\n"
        "run, state = dispatch_of(config_for('flow_matching', optimizer='adam'), devices=4, steps=2)\n"
        "program = jax.jit(run).lower(state).compile()\n"
        "for _ in range(3):\n"
        "    state, report = program(state)\n"
        "print(hits.count('/jax/compilation_cache/cache_hits') > 0, report.metrics['loss'].tolist())\n"
    )
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": str(tmp_path)}
    told = []
    for _ in range(2):
        ended = subprocess.run(
            [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=300
        )
        assert ended.returncode == 0, ended.stderr
        told.append(ended.stdout.split(maxsplit=1))
    assert [read for read, _ in told] == ["False", "True"]
    assert told[0][1] == told[1][1]


def test_collectives_wait_for_those_before_them():
    """XLA on CPUs orders a collective in a loop and one outside by their data alone; see ``dispatch.any_stop``."""
    run, state = dispatch_of(config_for("lsd"), devices=2, steps=3)
    text = run.lower(state).compile().as_text()
    main = text[text.index("\nENTRY ") :]
    made = {}
    for line in main.splitlines():
        if found := re.match(r"\s+(?:ROOT )?(%[\w.-]+) = .*? ([\w-]+)\((.*)", line):
            made[found[1]] = (found[2], re.findall(r"%[\w.-]+", found[3]))

    def needs_a_loop(name):
        operation, given = made.get(name, ("", []))
        return operation == "while" or any(needs_a_loop(other) for other in given)

    outside = [name for name, (operation, _) in made.items() if operation.startswith("all-reduce")]
    assert len(outside) == 1
    assert " all-reduce(" in text[: text.index("\nENTRY ")]
    assert needs_a_loop(outside[0])


def test_what_is_summed_over_devices_is_one_gradient_per_term():
    config = config_for("lsd", optimizer="adam")
    objective = parts(config)[1]
    run, state = dispatch_of(config, devices=2, steps=1)
    text = run.lower(state).compile().as_text()
    # Such as "(f32[8,2]{1,0}, f32[8]{0}) all-reduce(" or "f32[] all-reduce-start(".
    summed = [
        re.findall(r"f32\[([\d,]*)\]", line.split(" all-reduce")[0].split(" = ")[1])
        for line in text.splitlines()
        if re.search(r" = .* all-reduce(-start)?\(", line)
    ]
    numbers = sum(math.prod(int(n) for n in shape.split(",") if n) for shapes in summed for shape in shapes)
    parameters = count_parameters(state.params)
    # Beside the gradients: the residual, which without a weight is the loss, and four sums over bad examples.
    assert numbers == len(objective.terms) * (parameters + 5)
