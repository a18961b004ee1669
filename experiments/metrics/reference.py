"""The exact flow map of a data set, solved once and kept on disk: what every trained map is compared with.

Files go to ``$FLOWMAP_CACHE``, by default ``~/.cache/flowmap``; their names carry a hash of everything that made them.
"""

from collections.abc import Callable, Mapping
import functools
import hashlib
import itertools
import json
from pathlib import Path
from typing import NamedTuple

import jax
from ml_collections import ConfigDict
import numpy as np

from experiments import caches, files, settings, terminal
from experiments.datasets import arrays, couplings, record
from experiments.datasets.dataset import Dataset
from experiments.errors import UsageError
from experiments.settings import protocol
from taxonomy import exact_map, times
from taxonomy.exact import ExactFlow
from taxonomy.interpolants import Interpolant

FORMAT = 2  # raised whenever the arrays below change their meaning
CHUNK = 500  # triples per call of the solver, which takes as many steps as the hardest of them
PATHS, PATH_TIMES = 48, 65
CHECKED, CHECK_FACTOR = 200, 1e-4  # triples solved again, at a tolerance smaller by this factor
PROBES = 32
DIGEST = "sha256"  # of the arrays, in the record of the settings


class Reference(NamedTuple):
    """Solutions of the exact ODE, in float64.

    Attributes:
      s: [n]; source times, uniform with t on the triangle s <= t.
      t: [n]; target times.
      x_s: [n, dim]; points of the path, distributed as I_s.
      x_t: [n, dim]; X_{s,t}(x_s).
      x_0: [m, dim]; noise.
      x_1: [m, dim]; X_{0,1}(x_0).
      path_times: [k]; times of the trajectories, from 0 to 1.
      paths: [k, paths, dim]; trajectories of the first points of x_0.
      error: [checked]; distances of some x_t from the solution at a much smaller tolerance.
      probe_t: [p]; times at which the velocity was recorded, to recognize it again.
      probe_x: [p, dim]; points there.
      probe_b: [p, dim]; velocities there.
    """

    s: np.ndarray
    t: np.ndarray
    x_s: np.ndarray
    x_t: np.ndarray
    x_0: np.ndarray
    x_1: np.ndarray
    path_times: np.ndarray
    paths: np.ndarray
    error: np.ndarray
    probe_t: np.ndarray
    probe_x: np.ndarray
    probe_b: np.ndarray


def settings_of(config: ConfigDict, dataset: Dataset) -> dict[str, object]:
    """Everything that a reference set depends on: of stored data their content, wherever they lie."""
    names = ("seed", "triples", "tolerance")
    return {
        "format": FORMAT,
        "dataset": record.digest(dataset) or dataset.name,
        "interpolant": config.interpolant,
        **{name: config.evaluation[name] for name in names},
        **({"start": f"{dataset.start.name}, {dataset.start.described}"} if dataset.start else {}),
    }


def path_of(config: ConfigDict, dataset: Dataset) -> Path:
    """The file of the reference set that belongs to a configuration and its data set."""
    made_by = settings_of(config, dataset)
    return caches.folder() / f"{Path(dataset.name).name}-{config.interpolant}-{protocol.fingerprint(made_by)}.npz"


def digest_of(arrays: Mapping[str, np.ndarray]) -> str:
    """The sha256 of some arrays, their names, types and shapes."""
    found = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        found.update(repr((name, array.dtype.str, array.shape)).encode() + np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def _solver(flow: ExactFlow, tolerance: float) -> Callable[..., np.ndarray]:
    solver = flow.solver or functools.partial(exact_map.solve, flow.b, until=flow.until)
    solve = jax.jit(lambda s, t, x: solver(s, t, x, tolerance=tolerance))
    return lambda s, t, x: np.asarray(solve(s, t, x))


def _in_chunks(solve: Callable[..., np.ndarray], s: np.ndarray, t: np.ndarray, x: np.ndarray, label: str) -> np.ndarray:
    """Solves triples of like length together, and pads the last chunk so that one shape is compiled."""
    order = np.argsort(t - s, kind="stable")
    padded = np.concatenate([order, np.repeat(order[-1:], -len(order) % CHUNK)])
    solved = np.empty_like(x)
    for chunk in terminal.bar(padded.reshape(-1, CHUNK), desc=label, unit_scale=CHUNK, unit="triple", mininterval=5):
        solved[chunk] = solve(s[chunk], t[chunk], x[chunk])
    return solved


def _probe(dataset: Dataset, interpolant: Interpolant, t: np.ndarray, x: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        return np.asarray(jax.jit(dataset.exact_path(interpolant).b)(t, x))


def draw(dataset: Dataset, interpolant: Interpolant, *, seed: int, count: int) -> tuple[np.ndarray, ...]:
    """Triples (s, t, x_s) with (s, t) uniform on the triangle and x_s distributed as I_s, and the noise behind x_s.

    Args:
      dataset: the data set.
      interpolant: the path.
      seed: seed of the draws.
      count: number of triples.

    Returns:
      (s, t, x_s, x_0) as float64, drawn in the precision of the session.
    """
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), 3), 3)
    s, _, t = times.triangle(keys[0], (count,))
    x_0, x_1 = couplings.pairs(dataset, keys[1], keys[2], count)
    x_s = dataset.path(interpolant).position(s, x_0, x_1)
    return tuple(np.asarray(array, np.float64) for array in (s, t, x_s, x_0))


def build(dataset: Dataset, interpolant: Interpolant, *, seed: int, triples: int, tolerance: float) -> Reference:
    """Solves the exact ODE for a reference set.

    Args:
      dataset: the data set; it must know its exact velocity.
      interpolant: the path.
      seed: seed of the draws.
      triples: number of triples (s, t, x_s); a fifth as many go from 0 to 1.
      tolerance: of the solver.

    Returns:
      the reference set.

    Raises:
      UsageError: if the data set has no exact velocity.
    """
    s, t, x_s, x_0 = draw(dataset, interpolant, seed=seed, count=triples)
    ends = x_0[: max(1, triples // 5)]
    label = f"exact map of {dataset.name}"
    with jax.enable_x64(True):
        # Made here, so that its own constants are in double precision too.
        flow = dataset.exact_path(interpolant)
        solve = _solver(flow, tolerance)
        x_t = _in_chunks(solve, s, t, x_s, label)
        x_1 = _in_chunks(solve, np.zeros(len(ends)), np.ones(len(ends)), ends, f"{label}, 0 to 1")
        path_times = np.linspace(0, 1, PATH_TIMES)
        paths = [ends[:PATHS]]
        for start, end in itertools.pairwise(path_times):
            paths.append(solve(np.full(len(paths[-1]), start), np.full(len(paths[-1]), end), paths[-1]))
        few = slice(min(CHECKED, triples))
        finer = _solver(flow, CHECK_FACTOR * tolerance)(s[few], t[few], x_s[few])
        apart = np.asarray(dataset.space.log(x_t[few], finer))
    probe_t, probe_x = s[:PROBES], x_s[:PROBES]
    return Reference(
        s=s,
        t=t,
        x_s=x_s,
        x_t=x_t,
        x_0=ends,
        x_1=x_1,
        path_times=path_times,
        paths=np.stack(paths),
        error=np.linalg.norm(apart, axis=-1),
        probe_t=probe_t,
        probe_x=probe_x,
        probe_b=_probe(dataset, interpolant, probe_t, probe_x),
    )


def load_or_build(config: ConfigDict, dataset: Dataset) -> Reference:
    """The reference set of a configuration, from the cache if it is there.

    Args:
      config: the configuration; its data set, interpolant and protocol determine the set.
      dataset: the data set.

    Returns:
      the reference set.

    Raises:
      UsageError: if the data set has no exact velocity, or the file in the cache is damaged or made by other settings.
    """
    path, interpolant, options = path_of(config, dataset), settings.interpolant_of(config), config.evaluation
    if path.exists():
        return _read(path, config, dataset)
    caches.check_writable(path.parent, name="FLOWMAP_CACHE")
    reference = build(dataset, interpolant, seed=options.seed, triples=options.triples, tolerance=options.tolerance)
    # Written whole: a file under its final name is complete, whoever else builds the same one.
    made_by = settings_of(config, dataset) | {DIGEST: digest_of(reference._asdict())}
    files.write_arrays(path, settings=json.dumps(made_by), **reference._asdict())
    return reference


def _read(path: Path, config: ConfigDict, dataset: Dataset) -> Reference:
    remedy = f"delete {path} and it is made again"
    try:
        found = arrays.read(path, ("settings", *Reference._fields))
        made_by = json.loads(str(found.pop("settings")))
        digest = made_by.pop(DIGEST, None)
    except (arrays.UnreadableError, ValueError, TypeError, AttributeError) as error:
        raise UsageError(f"the reference set is damaged ({error}); {remedy}") from error
    wanted = settings_of(config, dataset)
    differing = [name for name in sorted(wanted | made_by) if wanted.get(name) != made_by.get(name)]
    if differing:
        shown = "; ".join(f"{name} is {made_by.get(name)} there, {wanted.get(name)} here" for name in differing)
        raise UsageError(f"the reference set was made by other settings ({shown}); {remedy}")
    if digest != digest_of(found):
        raise UsageError(f"the reference set is damaged (its arrays are not those that were written); {remedy}")
    reference = Reference(**found)
    if not all(np.isfinite(array).all() for array in reference):
        raise UsageError(f"the reference set contains NaN or infinity; {remedy}")
    probed = _probe(dataset, settings.interpolant_of(config), reference.probe_t, reference.probe_x)
    if not np.allclose(probed, reference.probe_b, rtol=1e-6, atol=1e-6):
        raise UsageError(f"the reference set was made with another velocity of data set {config.dataset}; {remedy}")
    return reference


def stretched(reference: Reference, dataset: Dataset) -> Reference:
    """Solutions of scaled points in the data's own units about their mean, as ``maps.stretched``; probes stay."""
    points = {name: dataset.stretched(getattr(reference, name)) for name in ("x_s", "x_t", "x_0", "x_1", "paths")}
    return reference._replace(**points)


def describe(reference: Reference) -> str:
    """The number of solutions and their error, in a line."""
    return (
        f"{len(reference.s)} exact triples (s, t, x_s) and {len(reference.x_0)} from 0 to 1; error of the solutions "
        f"{np.median(reference.error):.1g} (median) to {reference.error.max():.1g} (largest of {len(reference.error)})"
    )
