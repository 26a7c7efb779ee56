"""How the weights of the encoder follow the gradient: AdamW with a rate for each layer, in bfloat16."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch
from encoder_network import LAYERS, Network
from torch import Tensor, nn

WARM, LEAST = 0.06, 0.02
"""Share of the steps in which the rate rises, and the share of it that is left at the end."""

WEIGHT_DECAY, CLIP = 0.01, 1.0


@dataclass(frozen=True)
class Rates:
    """Highest rates: of the last layer, the factor from a layer to the one below, of what is new, of forms of words.

    Each form is seldom read, so that it takes a higher one.
    """

    layer: float
    factor: float
    new: float
    form: float

    def of(self, name: str) -> float:
        """Return the rate of a weight of the network."""
        part, _, rest = name.partition(".")
        if part == "forms":
            return self.form
        if part not in ("pieces", "places", "norm", "layers"):
            return self.new
        level = int(rest.split(".")[0]) if part == "layers" else -1
        return self.layer * self.factor ** (LAYERS - 1 - level)


class Descent:
    """Takes the steps; besides those of the network, the weights `more` are new."""

    def __init__(self, network: Network, rates: Rates, more: Iterable[nn.Parameter] = ()) -> None:
        named = [*network.named_parameters(), *((f"more.{number}", one) for number, one in enumerate(more))]
        self._weights = [weights for _, weights in named]
        groups = [
            {
                "params": [weights],
                "rate": rates.of(name),
                "weight_decay": WEIGHT_DECAY if weights.ndim > 1 else 0.0,
            }
            for name, weights in named
        ]
        self._optimiser = torch.optim.AdamW(groups, lr=0.0, betas=(0.9, 0.98), eps=1e-6, fused=True)

    def step(self, loss: Tensor, share: float) -> None:
        """Take one step against the gradient of a loss; `share` is how much of the training is over."""
        for group in self._optimiser.param_groups:
            group["lr"] = group["rate"] * min(1.0, share / WARM) * max(LEAST, 1 - share)
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self._weights, CLIP)
        self._optimiser.step()


def half() -> AbstractContextManager[object]:
    """Compute in bfloat16, which processors with AMX multiply ten times as fast."""
    return torch.autocast("cpu", torch.bfloat16)
