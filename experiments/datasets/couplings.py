"""Which start goes with which end: noise that is independent of the data, matched with them, or points of another set.

Examples come from their index in the global batch, and so do the groups in which starts and ends are matched: any
number of devices sees the same pairs.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax

from experiments.datasets.dataset import Dataset, Images, Start
from experiments.errors import UsageError

INDEPENDENT, OPTIMAL_TRANSPORT, PAIRED = COUPLINGS = ("independent", "optimal_transport", "paired")
GROUP = 64  # starts and ends that are matched with each other, unless another number is asked for


def coupled(dataset: Dataset, source: Dataset | None, *, coupling: str, group: int = GROUP) -> Dataset:
    """The data set whose paths begin where a source and a coupling say.

    Args:
      dataset: where paths end.
      source: where they begin; None for Gaussian noise, or for the partners that a set of pairs has of its own.
      coupling: one of ``COUPLINGS``.
      group: of "optimal_transport": how many starts and ends are matched with each other.

    Returns:
      the data set with a ``Start``; the same one for independent Gaussian noise. Its exact path is the one of its
      pairs, or not known.

    Raises:
      UsageError: if the sides differ in shape, lie on a curved space, or are no pairs.
    """
    if source is None and coupling == INDEPENDENT:
        return dataset
    if source is not None and source.shape != dataset.shape:
        raise UsageError(
            f"a coupling whose sides differ in shape: source {source.name} has examples of {source.shape}, data set "
            f"{dataset.name} of {dataset.shape}; expected the same: choose another --config.training.source"
        )
    for side in (dataset, source):
        if side is not None and side.space.curved:
            raise UsageError(
                f"data set {side.name} lies on {side.space.name}; couplings and sources are for flat space: leave out "
                "--config.training.coupling and --config.training.source"
            )
    exact = None
    if coupling == PAIRED:
        _check_pairs(dataset, source)
        if source is None:
            start = Start(f"partners of {dataset.name}", dataset.partner.sample, coupling)
            exact = dataset.partner.exact_flow
        else:
            start = Start(source.name, source.sample, coupling, held_out=_held_out(source), records=source.records)
    else:
        name, sample = ("noise", None) if source is None else (source.name, source.sample)
        held_out, records = (None, None) if source is None else (_held_out(source), source.records)
        matched = group if coupling == OPTIMAL_TRANSPORT else 0
        start = Start(name, sample, coupling, matched, held_out, records)
    unknown = "" if exact else ": the exact map is not known, and nothing is compared with one"
    told = f"paths begin at {start.name}, {start.described}{unknown}"
    return dataset._replace(start=start, exact_flow=exact, told=(*dataset.told, told))


def _held_out(source: Dataset) -> jax.Array | None:
    """Examples of a stored source that training does not see, as its ``sample`` gives them."""
    if not isinstance(source.truth, Images):
        return None
    return jnp.asarray(source.centred(source.truth.test.reshape(-1, *source.shape)), jnp.float32)


def _check_pairs(dataset: Dataset, source: Dataset | None) -> None:
    if source is None:
        if dataset.partner is None:
            raise UsageError(
                f"data set {dataset.name} has no partners; expected --config.training.source=NAME of as many examples "
                "in the same order, or --config.dataset=paired_gaussians"
            )
        return
    sides = [0 if side.records is None else len(side.records) for side in (source, dataset)]
    if 0 in sides:
        drawn = (source, dataset)[sides.index(0)].name
        raise UsageError(
            f"data set {drawn} draws its examples, so that nothing is paired with them; expected two files of as many "
            "examples in the same order, or --config.training.coupling=independent"
        )
    rows = [getattr(side.records, "rows", None) for side in (source, dataset)]
    if sides[0] == sides[1] and not any(row is None for row in rows) and not np.array_equal(*rows):
        raise UsageError(
            f"source {source.name} and data set {dataset.name} hold out other examples; expected pairs: the same "
            "order, and a test split on both sides or on none"
        )
    if sides[0] != sides[1]:
        raise UsageError(
            f"source {source.name} has {sides[0]} examples to train on, data set {dataset.name} has {sides[1]}; "
            "expected pairs: as many examples in the same order on both sides"
        )


def pairs(dataset: Dataset, key_start: jax.Array, key_end: jax.Array, count: int) -> tuple[jax.Array, jax.Array]:
    """Independent draws of (start, end).

    Args:
      dataset: the data set.
      key_start: typed PRNG key of the starts.
      key_end: of the ends, and of the starts that are paired with them.
      count: number of pairs.

    Returns:
      (x0, x1), [count, *shape] each.
    """
    start = dataset.start
    if start is None:
        return dataset.starts(key_start, count), dataset.draw(key_end, count)
    if start.coupling == PAIRED:
        return start.draw(jax.random.clone(key_end), count), dataset.draw(key_end, count)
    if not start.group:
        return dataset.starts(key_start, count), dataset.draw(key_end, count)
    # Whole groups: the law of a pair is that of training.
    whole = -(-count // start.group) * start.group
    x0, x1 = dataset.starts(key_start, whole), dataset.draw(key_end, whole)
    return jax.jit(matched, static_argnames="group")(x0, x1, group=start.group)[:count], x1[:count]


def enclosing(first: jax.Array | int, count: int, *, group: int) -> tuple[jax.Array | int, int]:
    """The whole groups in which examples ``first .. first + count`` lie, whatever ``first``.

    Args:
      first: []; index of the first example.
      count: number of examples.
      group: size of a group.

    Returns:
      (index of the first example of the first group, number of examples in all groups, which depends on count alone).
    """
    return first // group * group, (-(-(count - 1) // group) + 1) * group


def matched(x0: jax.Array, x1: jax.Array, *, group: int) -> jax.Array:
    """The starts in the order in which, within each group, the sum of ``|x0_i - x1_i|^2`` is smallest.

    An exact assignment uses every start and every end once: within a group nothing but the pairing changes, so that the
    law of the starts and that of the ends stay what they are.

    Args:
      x0: [count, ...]; starts; count is a multiple of the group.
      x1: [count, ...]; ends, independent of them.
      group: number of examples that are matched with each other.

    Returns:
      [count, ...]; the starts, reordered.

    Reference: minibatch couplings: Pooladian et al., "Multisample flow matching", arXiv 2304.14772; Tong et al.,
      "Improving and generalizing flow-based generative models with minibatch optimal transport", arXiv 2302.00482. The
      Hungarian algorithm is that of optax, which ott-jax calls, too.
    """
    starts, ends = (x.reshape(-1, group, x[0].size) for x in (x0, x1))
    across = jnp.einsum("gid,gjd->gij", ends, starts, precision=jax.lax.Precision.HIGHEST)
    cost = jnp.sum(ends**2, axis=-1)[:, :, None] - 2 * across + jnp.sum(starts**2, axis=-1)[:, None, :]

    def order(cost: jax.Array) -> jax.Array:
        rows, columns = optax.assignment.hungarian_algorithm(cost)
        return jnp.zeros(group, columns.dtype).at[rows].set(columns)

    found = jax.vmap(order)(jax.lax.stop_gradient(cost))
    return jnp.take_along_axis(starts, found[:, :, None], axis=1).reshape(x0.shape)
