"""The one place that maps a training step over devices: ``jax.pmap``, or its twin by ``jax.shard_map``.

Every device of every process runs the same function on the whole state and on its own share of the inputs. The results
must be equal on all devices; collectives over ``AXIS`` inside the function ensure that.
"""

from collections.abc import Callable
from typing import Any

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np

AXIS = "devices"
MAPPINGS = ("pmap", "shard_map")

REPLICATED, SPLIT = PartitionSpec(), PartitionSpec(AXIS)


def total(devices: int) -> int:
    """Devices of all processes, if each uses ``devices`` of its own."""
    return devices * jax.process_count()


def own(devices: int) -> np.ndarray:
    """Global indices of the devices of this process, [devices]; those of lower processes come first."""
    return (jax.process_index() * devices + np.arange(devices)).astype(np.int32)


def _chosen(devices: int) -> list[jax.Device]:
    if jax.process_count() == 1:
        return jax.local_devices()[:devices]
    if devices != jax.local_device_count():
        raise ValueError(f"{devices} of {jax.local_device_count()} devices of a process; expected all of them")
    return sorted(jax.devices(), key=lambda device: (device.process_index, device.id))


def _mesh(devices: int, *, mapping: str) -> Mesh:
    # pmap returns and expects arrays of this process alone, shard_map arrays of all processes.
    found = jax.local_devices()[:devices] if mapping == "pmap" else _chosen(devices)
    return Mesh(np.asarray(found), (AXIS,))


def replicate(state: Any, *, devices: int, mapping: str = "pmap") -> Any:
    """Puts one copy of a state on each device, laid out as the mapped function returns it: one compilation suffices.

    Args:
      state: tree of arrays, alike on all processes.
      devices: number of devices of this process.
      mapping: a key of ``MAPPINGS``.

    Returns:
      the same values in buffers of their own, which may be donated.
    """
    sharding = NamedSharding(_mesh(devices, mapping=mapping), REPLICATED)

    def place(leaf: jax.Array) -> jax.Array:
        # A copy for each device: equal leaves, such as an average at the start, must not share a buffer.
        leaf = np.asarray(leaf)
        return jax.make_array_from_single_device_arrays(
            leaf.shape, sharding, [jax.device_put(leaf.copy(), device) for device in sharding.addressable_devices]
        )

    return jax.tree.map(place, state)


def over_devices(
    function: Callable[[Any, Any], tuple[Any, Any]], *, devices: int, mapping: str = "pmap"
) -> Callable[[Any, Any], tuple[Any, Any]]:
    """Maps ``(state, inputs) -> (state, results)`` over all devices; the given state is donated.

    Args:
      function: sees the whole state and one device's inputs; collectives name ``AXIS``.
      devices: number of devices of this process.
      mapping: "pmap", or "shard_map" for its successor; both give the same numbers.

    Returns:
      the mapped function; its inputs have a leading axis [devices of this process].

    Raises:
      ValueError: on an unknown mapping.
    """
    if mapping not in MAPPINGS:
        raise ValueError(f"mapping = {mapping!r}; expected one of {', '.join(MAPPINGS)}")
    if mapping == "pmap":
        single = jax.process_count() == 1
        return jax.pmap(
            function,
            axis_name=AXIS,
            in_axes=(None, 0),
            out_axes=None,
            donate_argnums=0,
            devices=_chosen(devices) if single else None,
        )
    mesh = _mesh(devices, mapping=mapping)

    def one_device(state: Any, inputs: Any) -> tuple[Any, Any]:
        return function(state, jax.tree.map(lambda leaf: leaf[0], inputs))

    mapped = jax.jit(
        jax.shard_map(one_device, mesh=mesh, in_specs=(REPLICATED, SPLIT), out_specs=REPLICATED, check_vma=False),
        donate_argnums=0,
    )
    sharding = NamedSharding(mesh, SPLIT)

    def call(state: Any, inputs: Any) -> tuple[Any, Any]:
        return mapped(state, jax.tree.map(lambda leaf: jax.make_array_from_process_local_data(sharding, leaf), inputs))

    call.lower = mapped.lower
    return call


def on_host(tree: Any) -> Any:
    """Copies of replicated arrays in the memory of this process, which a later donation cannot overwrite."""
    return jax.tree.map(lambda leaf: np.array(leaf.addressable_data(0) if isinstance(leaf, jax.Array) else leaf), tree)
