"""How large are the weights, and how far have they moved?"""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn


class Movement:
    """Norms of networks, from one reading to the next; they are read from the device together, and change nothing.

    Args:
        networks: Networks by name; "generator" is the one that a moving average follows.
    """

    def __init__(self, networks: Mapping[str, nn.Module]) -> None:
        self._networks = networks
        self._before: dict[str, list[Tensor]] = {}

    @torch.no_grad()
    def begin(self) -> None:
        """Remembers the weights."""
        self._before = {name: [one.clone() for one in _weights(network)] for name, network in self._networks.items()}

    @torch.no_grad()
    def read(self, average: nn.Module) -> dict[str, float]:
        """Norms since :meth:`begin`; waits for the device once.

        Args:
            average: The generator's moving average.

        Returns:
            For every network ``weight_norm/NAME``, the Euclidean norm of all trained parameters, and ``update_ratio/NAME``, that of their
            change over it; ``ema_gap``, the norm of the generator's difference from its average over its own norm.
        """
        found: dict[str, Tensor] = {}
        for name, network in self._networks.items():
            now = _weights(network)
            if not now:
                continue
            size = _norm(now)
            found[f"weight_norm/{name}"] = size
            before = self._before.get(name, [])
            if [one.shape for one in before] == [one.shape for one in now]:
                found[f"update_ratio/{name}"] = _norm(torch._foreach_sub(now, before)) / size
        own, averaged = _weights(self._networks["generator"]), [one.detach() for one in average.parameters()]
        if own and [one.shape for one in own] == [one.shape for one in averaged]:
            found["ema_gap"] = _norm(torch._foreach_sub(own, averaged)) / found["weight_norm/generator"]
        self._before = {}
        values = torch.stack(list(found.values())).tolist() if found else []
        return dict(zip(found, values, strict=True))


def _weights(network: nn.Module) -> list[Tensor]:
    return [parameter.detach() for parameter in network.parameters() if parameter.requires_grad]


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    """Euclidean norm of all numbers together."""
    norm: Tensor = torch.linalg.vector_norm(torch.stack([one.float() for one in torch._foreach_norm(list(tensors))]))
    return norm
