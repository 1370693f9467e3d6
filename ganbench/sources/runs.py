"""How are examples drawn from the checkpoint of a run?"""

from pathlib import Path

import torch

from ganbench.data.loading import load_dataset
from ganbench.errors import DataError
from ganbench.plan.spec import read_spec, run_id
from ganbench.plan.variant_config import outdated
from ganbench.results.record import Weights
from ganbench.sets.classes import Classes
from ganbench.sources.trust import check_trust
from ganbench.sources.variants import VariantSource
from ganbench.training.building import build
from ganbench.training.checkpoint import read_checkpoints


class RunSource(VariantSource):
    """Examples from the generator of a finished or interrupted run, at its newest checkpoint.

    Args:
        name: The name as the user wrote it.
        folder: The run's directory.
        weights: "ema" or "raw".
        n: Number of examples; None is ``DEFAULT_N``.
        seed: Root seed of the streams; None is the run's own, which gives the examples that the run itself scored.
        root: Folder of data sets: the run's data set determines the image shape and the classes.
        device: Device on which the generator runs.
        trust: Whether the user allowed the code of a method from a file to run; installed methods need no leave.

    Raises:
        RequestError: The method is a Python file, and the user did not allow it to run.
        DataError: There is no readable checkpoint, or its weights do not fit the installed version of the method.
    """

    def __init__(
        self,
        name: str,
        folder: Path,
        weights: Weights,
        n: int | None,
        seed: int | None,
        root: Path,
        device: torch.device,
        trust: bool = False,
    ) -> None:
        spec = read_spec(folder)
        if spec.variant.path is not None:
            check_trust(trust, name, f"a run whose method is the Python file {spec.variant.path!r}")
        dataset = load_dataset(spec.dataset, root)
        faults: list[str] = []
        checkpoint = next(read_checkpoints(folder / "checkpoints", device, run_id(spec), faults), None)
        if checkpoint is None:
            why = f"the run has no readable checkpoint ({'; '.join(faults)})" if faults else "the run has no checkpoint yet"
            raise DataError(f"{name}: {why}; run it {'again' if faults else 'first'}: ganbench run --spec {name}/spec.json --out {name}")
        variant = build(spec, dataset, device)
        network = variant if weights == "raw" else variant.generator
        late = outdated(spec.variant)
        try:
            network.load_state_dict(checkpoint.weights[weights])
        except RuntimeError as error:
            if not late:
                raise
            raise DataError(f"{name}: its weights are of {late}, whose networks differ; use the ganbench that trained them") from error
        known = Classes.of_data(dataset, own_numbers=spec.dataset.path is None)
        shares = None if dataset.class_shares is None else torch.from_numpy(dataset.class_shares).float()
        super().__init__(name, n, spec.seed if seed is None else seed, variant, run_id(spec), known, shares, device)
        self.spec, self.run_id, self.weights = spec, run_id(spec), weights
        self.steps = int(checkpoint.state["step"])
        """Steps of the training behind which the weights are."""
        if late:
            self.notes.append(f"{name}: trained by {late}; the same weights may make other images in it")
        self.notes += [f"{name}: {fault}; took the one before it" for fault in faults]
        self.remarks.append(f"{name}: {'EMA' if weights == 'ema' else 'raw'} weights after {self.steps:,} steps")
