"""Does a run begin with the same bits as it did before?"""

from ganbench.environment import configure, describe
from ganbench.pipeline.check import check, real_data
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec
from ganbench.plan.variant_config import class_target
from ganbench.results.traces import Trace
from ganbench.training.building import build
from ganbench.training.trace import STEPS, trace
from ganbench.training.trainer import Trainer


def traced(spec: RunSpec, runtime: Runtime, key: str, steps: int = STEPS) -> Trace:
    """Trains a run's first steps, and keeps their bits; nothing is written.

    Args:
        spec: The run.
        runtime: Runtime settings.
        key: Of the run's recipe.
        steps: Number of steps, fewer if the run has fewer.

    Raises:
        RequestError: The run cannot start.
    """
    device = configure(runtime)
    check(spec, runtime)
    data = real_data(spec, runtime)
    trainer = Trainer(build(spec, data, device), data, spec, device, engine=runtime.engine, health=False)
    logs, tensors = trace(trainer, min(steps, spec.steps))
    fingerprint = describe(device, class_target(spec.variant).source, runtime.engine)["fingerprint"]
    return Trace(
        method=spec.variant.name, data=spec.dataset.name, key=key, seed=spec.seed, environment=fingerprint, logs=logs, tensors=tensors
    )
