"""Which losses teach a discriminator the classes by comparing examples with each other?

All of them take unit vectors: embeddings of the examples, and with each the proxy of its class, which is learned. Their products are
cosines. A batch is compared within itself, so that its size matters; ranks that share a batch compare each its own part.
"""

import torch
from torch import Tensor
from torch.nn import functional


def conditional_contrastive(embeddings: Tensor, proxies: Tensor, labels: Tensor, temperature: float) -> Tensor:
    """2C loss: -log of the share of an example's own proxy and class in all its similarities (Kang & Park 2020, "ContraGAN").

    Args:
        embeddings: Unit vectors (n, d).
        proxies: Unit vectors of the examples' classes, (n, d).
        labels: (n,).
        temperature: Cosines are divided by it.

    Returns:
        The mean over examples. Without another example, or of one class alone, it is 0.
    """
    own = (embeddings * proxies).sum(1, keepdim=True) / temperature
    others = _similarities(embeddings) / temperature
    alike = others.masked_fill(labels[:, None] != labels, -torch.inf)
    return (torch.cat([own, others], 1).logsumexp(1) - torch.cat([own, alike], 1).logsumexp(1)).mean()


def data_to_data(
    embeddings: Tensor,
    proxies: Tensor,
    labels: Tensor,
    temperature: float,
    positive_margin: float,
    negative_margin: float,
    *,
    damped: bool = False,
) -> Tensor:
    """D2D-CE: cross-entropy of an example's own proxy among examples of other classes (Kang et al. 2021, "Rebooting ACGAN", eq. 6).

    ``-log(p / (p + sum of n_j over examples j of other classes))`` with ``p = exp(min(f.v - m_p, 0) / t)`` and
    ``n_j = exp(max(f.f_j - m_n, 0) / t)``: what is close enough to its proxy, or far enough from other classes, is pushed no further.

    Args:
        embeddings: Unit vectors f, (n, d).
        proxies: Unit vectors v of the examples' classes, (n, d).
        labels: (n,).
        temperature: t.
        positive_margin: m_p, a cosine from which an example is close enough to its proxy.
        negative_margin: m_n, a cosine up to which examples of other classes are far enough.
        damped: As in the authors' code: every n_j is divided by the example's largest ``exp((f.f_k - m_n) / t)``, k of any class, without
            gradient. It stands there against overflow but leaves p as it is, and so is no longer the equation.

    Returns:
        The mean over examples. Undamped and within both margins an example with k of other classes pays log(1 + k), without a gradient.
    """
    positive = ((embeddings * proxies).sum(1, keepdim=True) - positive_margin).clamp(max=0) / temperature
    others = (_similarities(embeddings) - negative_margin) / temperature
    negative = others.clamp(min=0) - (others.amax(1, keepdim=True).detach() if damped else 0)
    logits = torch.cat([positive, negative.masked_fill(labels[:, None] == labels, -torch.inf)], 1)
    return functional.cross_entropy(logits, torch.zeros_like(labels))


def _similarities(embeddings: Tensor) -> Tensor:
    """Cosines of all pairs (n, n), and -infinity of an example with itself."""
    itself = torch.eye(len(embeddings), dtype=torch.bool, device=embeddings.device)
    return (embeddings @ embeddings.t()).masked_fill(itself, -torch.inf)
