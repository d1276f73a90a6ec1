"""A network's parameters and buffers on disk. Methods of ``Sequential``: the first argument is the network."""

import numpy as np

from minicnn.errors import CheckpointError
from minicnn.serialization import load_npz, network_part, save_npz


def state_dict(network):
    """Every parameter's value and every buffer by name, as NumPy copies."""
    arrays = [(name, p.value) for name, p in network.named_parameters()] + network.named_buffers()
    return {name: np.array(network.backend.to_numpy(array)) for name, array in arrays}


def load_state_dict(network, mapping):
    """Set every parameter and buffer from a mapping of names to arrays, cast to the network's own dtypes.

    Raises CheckpointError, before anything is changed, where names or shapes are not this network's.
    """
    parameters, buffers = dict(network.named_parameters()), network.buffer_places()
    own = {name: p.shape for name, p in parameters.items()}
    own |= {name: tuple(array.shape) for name, array in network.named_buffers()}
    if missing := [name for name in own if name not in mapping]:
        raise CheckpointError(f"of another architecture: {', '.join(missing)} missing")
    if foreign := [name for name in mapping if name not in own]:
        raise CheckpointError(f"of another architecture: {', '.join(foreign)} not in this network")
    for name, shape in own.items():
        if np.shape(mapping[name]) != shape:
            raise CheckpointError(
                f"of another architecture: {name} is {np.shape(mapping[name])}, this network has {shape}"
            )
    for name, p in parameters.items():
        p.value = network.backend.asarray(np.asarray(mapping[name]), dtype=p.value.dtype)
    for name, (layer, attribute) in buffers.items():
        dtype = getattr(layer, attribute).dtype
        setattr(layer, attribute, network.backend.asarray(np.array(mapping[name]), dtype=dtype))


def save(network, path):
    """Write parameters and buffers to ``path`` (.npz, no pickle), whole or not at all."""
    save_npz(path, network.state_dict(), {"kind": "network"})


def load(network, path):
    """Read what ``save`` or a training checkpoint wrote; returns the network. Raises CheckpointError."""
    arrays, facts = load_npz(path)
    if facts["kind"] == "checkpoint":
        arrays = network_part(arrays)
    try:
        network.load_state_dict(arrays)
    except CheckpointError as error:
        raise CheckpointError(f"{path} is {error}") from None
    return network
