"""How are examples drawn from a file of weights that ``ganbench export`` wrote? (safetensors, which is data and runs nothing)"""

from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ganbench import seeding
from ganbench.data.dataset import DataShape
from ganbench.data.limits import METHOD_LIMIT_BYTES
from ganbench.errors import DataError
from ganbench.plan.validation import validated
from ganbench.plan.variant_config import outdated
from ganbench.sets.classes import Classes
from ganbench.sources.generated import brief
from ganbench.sources.passport import FIELD, Passport, read_passport
from ganbench.sources.trust import check_trust
from ganbench.sources.variants import VariantSource
from ganbench.training.building import variant_class
from ganbench.training.checkpoint import weights_sha256
from ganbench.training.variant import Variant


class WeightsSource(VariantSource):
    """Examples from the weights of a generator, in the network that the installed method builds for them.

    Args:
        name: The name as the user wrote it.
        path: The file.
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams; None is that of the run that trained the weights.
        device: Device on which the generator runs.
        trust: Whether the user allowed the code of a method from a file to run; installed methods need no leave.

    Raises:
        RequestError: The method is a Python file, and the user did not allow it to run; or it is not installed.
        DataError: The file is damaged or not from ``ganbench export``, or its weights do not fit the installed version of the method.
    """

    def __init__(self, name: str, path: Path, n: int | None, seed: int | None, device: torch.device, trust: bool = False) -> None:
        passport, tensors = read_weights(path)
        spec = passport.variant
        if spec.path is not None:
            check_trust(trust, name, f"weights of a method that is the Python file {spec.path!r}")
        variant = _built(passport, tensors, name).to(device)
        variant.generator.load_state_dict(tensors)
        known = Classes(numbers=tuple(range(passport.classes)), names=passport.class_names, own_numbers=passport.own_numbers)
        shares = torch.tensor(passport.class_shares) if passport.classes else None
        own = passport.seed if seed is None else seed
        super().__init__(name, n, own, variant, passport.run_id, known if passport.classes else None, shares, device)
        self.passport = passport
        if late := outdated(spec):
            self.notes.append(f"{name}: trained by {late}; the same weights may make other images in it")
        self.remarks.append(f"{name}: {passport.origin}")


def read_weights(path: Path) -> tuple[Passport, dict[str, Tensor]]:
    """Reads a file of weights; nothing of it can run.

    Raises:
        DataError: It is damaged, or not from ``ganbench export``.
    """
    where = repr(str(path))
    try:
        with safe_open(path, framework="pt") as file:
            text = (file.metadata() or {}).get(FIELD)
            passport = read_passport(text, where)
            if passport is None:
                raise DataError(
                    f"{where} holds weights and does not say of which network; `ganbench export RUN --to safetensors` writes files that do"
                )
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no dictionary
    except (SafetensorError, OSError, ValueError, RuntimeError) as error:
        raise DataError(f"{where} is no readable safetensors file ({brief(error)}); export it again") from None
    if weights_sha256(tensors) != passport.weights_sha256:
        raise DataError(f"{where}: its weights are not those that were exported, their hash is another; export it again")
    return passport, tensors


def _built(passport: Passport, tensors: dict[str, Tensor], name: str) -> Variant:
    """The method that the weights belong to, with initial weights.

    It is first outlined without memory, so that a false header cannot ask for more than the weights that are there need.

    Raises:
        DataError: The installed method builds another network than the weights are of, or one that is far larger than they are.
    """
    spec = passport.variant
    cls = variant_class(spec)
    config = validated(cls.Config, spec.config, f"{name}: config of {spec.name}")
    shape = DataShape(size=passport.size, classes=passport.classes)
    with torch.device("meta"):
        outline = cls(config, shape)
    needed_bytes = sum(value.numel() * value.element_size() for value in outline.state_dict().values())
    if needed_bytes > METHOD_LIMIT_BYTES:
        raise DataError(
            f"{name}: its header asks for networks of {needed_bytes / 2**30:,.1f} GiB, "
            f"and the limit is {METHOD_LIMIT_BYTES / 2**30:,.0f} GiB; use a file that `ganbench export` wrote"
        )
    if _forms(outline.generator.state_dict()) != _forms(tensors):
        why = outdated(spec) or f"another network than the {spec.name} that is installed"
        raise DataError(f"{name}: its weights are of {why}; use the ganbench that trained them")
    with seeding.global_stream(passport.seed, "init"):
        return cls(config, shape)


def _forms(tensors: dict[str, Any]) -> dict[str, tuple[tuple[int, ...], torch.dtype]]:
    return {key: (tuple(value.shape), value.dtype) for key, value in tensors.items()}
