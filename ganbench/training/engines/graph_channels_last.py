"""How is a step replayed whose convolutions work channels-last?"""

from dataclasses import dataclass

from ganbench.training.engines.channels_last import ChannelsLast
from ganbench.training.engines.graph import Graph
from ganbench.training.variant import Variant


@dataclass(frozen=True, kw_only=True)
class GraphChannelsLast(ChannelsLast, Graph):
    """Both engines together: the recording reads a batch that is stored channels-last."""

    @staticmethod
    def refuses(variant: Variant) -> str:
        """Why the engine cannot take a method, as far as that can be told without a step; empty if it can."""
        return Graph.refuses(variant) or ChannelsLast.refuses(variant)
