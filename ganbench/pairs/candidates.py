"""Which pairs of a Gram block are close enough to be looked at?"""

import torch
from torch import Tensor

_GROUP = 32
"""Number of columns whose minimum is compared first: a comparison of all entries takes five times as long as their minima."""


def below(gram: Tensor, rows: Tensor, columns: Tensor) -> tuple[Tensor, Tensor]:
    """Row and column indices (found,) where columns[c] - 2 gram[r, c] is at most rows[r], in no particular order.

    With squared norms as one of the vectors and squared norms minus limits as the other, these are the pairs within a distance,
    whether the limits belong to the rows or to the columns.

    Args:
        gram: Products (r, c), or a transposed view of them.
        rows: (r,).
        columns: (c,).
    """
    if gram.stride(0) < gram.stride(1):
        column, row = below(gram.T, -columns, -rows)
        return row, column
    values = torch.sub(columns, gram, alpha=2)
    width = values.shape[1] // _GROUP
    groups, rest = values[:, : _GROUP * width].view(len(values), _GROUP, width), values[:, _GROUP * width :]
    row, group = (groups.amin(1) <= rows[:, None]).nonzero(as_tuple=True)
    hit, member = (groups[row, :, group] <= rows[row, None]).nonzero(as_tuple=True)
    last, place = (rest <= rows[:, None]).nonzero(as_tuple=True)
    return torch.cat([row[hit], last]), torch.cat([member * width + group[hit], place + _GROUP * width])
