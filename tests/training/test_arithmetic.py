"""Is a step computed in the number formats that were asked for, and does it then differ by their rounding alone?"""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from ganbench.errors import RequestError
from ganbench.pipeline.check import check
from ganbench.plan.runtime import Runtime
from ganbench.plan.spec import RunSpec, TrainingSpec, run_id
from ganbench.registry import VARIANTS
from ganbench.sampling import sample
from ganbench.training.arithmetic import arithmetic, check_precision, float32
from ganbench.training.trainer import Trainer

TinySpec = Callable[..., RunSpec]
NewTrainer = Callable[..., Trainer]
CPU = torch.device("cpu")
STEPS = 50
SLOWER = 0.05
"""Factor on the learning rates, so that 50 steps show rounding and not how far training carries it: at the tiny networks' full rates, a
change of 0.4 % in every initial weight alone leaves dcgan's and lsgan's weights 0.36 of their way apart (measured)."""
WANDERING = {"wgan": 0.4, "acgan": 0.3, "lecam_gan": 0.3, "stylegan": 0.3}
"""Share of their way that the weights of these may be apart; 0.1 for the others. Adam and RMSprop move a weight by about its rate,
whichever sign its gradient has, and where gradients are near 0 rounding decides the sign."""


def trainer(tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, precision: str, on: str = "cpu") -> Trainer:
    config = {"conditional": True} if hasattr(VARIANTS.load(variant).Config(), "conditional") else None
    spec = tiny_spec(variant, config=config, budget_images=STEPS * 16)
    return tiny_trainer(replace(spec, training=replace(spec.training, precision=precision)), on=on)


def parameters(training: Trainer) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in training.variant.parameters()])


def apart(build: Callable[[str], Trainer], precision: str) -> float:
    """Compares fifty steps with those in float32: how far apart the weights then are, as a share of their way."""
    # 0.4 % of rounding in every factor: losses were 1.6 % apart at most when this was written, weights 0.08 of their way, or 0.25
    logs, ends = [], []
    for each in ("fp32", precision):
        training = build(each)
        for optimizer in training.optimizers.values():
            for group in optimizer.param_groups:
                group["initial_lr"] *= SLOWER
        start = parameters(training)
        logs.append(training.advance(STEPS).logs)
        ends.append(parameters(training))
    exact, rounded = logs
    assert exact.keys() == rounded.keys()
    for name in (name for name in exact if name.startswith(("loss/", "penalty/"))):
        assert rounded[name] == pytest.approx(exact[name], rel=0.03, abs=0.003), name
    return ((ends[1] - ends[0]).norm() / (ends[0] - start).norm()).item()


@pytest.mark.parametrize("variant", VARIANTS.names())
def test_fifty_steps_in_bfloat16_are_those_in_float32_but_for_rounding(tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str) -> None:
    assert 0 < apart(lambda precision: trainer(tiny_spec, tiny_trainer, variant, precision), "bf16") < WANDERING.get(variant, 0.1)


@pytest.mark.gpu
@pytest.mark.parametrize("precision", ["tf32", "bf16"])
@pytest.mark.parametrize("variant", VARIANTS.names())
def test_fifty_steps_on_a_gpu_are_those_in_float32_but_for_rounding(
    tiny_spec: TinySpec, tiny_trainer: NewTrainer, variant: str, precision: str
) -> None:
    assert apart(lambda form: trainer(tiny_spec, tiny_trainer, variant, form, "cuda"), precision) < WANDERING.get(variant, 0.1)


def test_only_the_insides_of_networks_are_rounded(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    training = trainer(tiny_spec, tiny_trainer, "dcgan", "bf16")
    insides, outputs = set(), set()
    for network in (training.variant.generator, training.variant.discriminator):
        network.register_forward_hook(lambda _module, _inputs, output: outputs.add(output.dtype))
        for module in network.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                module.register_forward_hook(lambda _module, _inputs, output: insides.add(output.dtype))
    training.advance(2)
    assert (insides, outputs) == ({torch.bfloat16}, {torch.float32})
    state = [*training.variant.state_dict().values(), *training.ema.module.state_dict().values()]
    assert not any(value.dtype == torch.bfloat16 for value in state)
    assert all(parameter.grad is None or parameter.grad.dtype == torch.float32 for parameter in training.variant.parameters())


def test_outside_of_steps_everything_is_float32(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    rounding, exact = (trainer(tiny_spec, tiny_trainer, "dcgan", precision) for precision in ("bf16", "fp32"))
    assert torch.equal(sample(rounding.variant, 5, 0, CPU), sample(exact.variant, 5, 0, CPU))


def test_float32_can_be_asked_for_within_a_step() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    around, x = arithmetic("bf16", nn.ModuleDict({"network": network}), CPU), torch.randn(5, 3)
    exact = network(x)
    with around():
        rounded = network(x)
        with float32():
            assert torch.equal(network(x), exact)
        assert torch.equal(network(x), rounded) and not torch.equal(rounded, exact)
    assert torch.equal(network(x), exact)


def test_an_error_in_a_network_leaves_no_rounding_behind() -> None:
    network = nn.Sequential(nn.Linear(3, 4))
    around = arithmetic("bf16", nn.ModuleDict({"network": network}), CPU)
    with around(), pytest.raises(RuntimeError):
        network(torch.zeros(5, 2))
    assert not torch.is_autocast_enabled("cpu")
    assert network(torch.zeros(5, 3)).dtype == torch.float32


def test_a_resumed_run_in_bfloat16_has_the_bits_of_an_uninterrupted_one(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    whole, first, second = (trainer(tiny_spec, tiny_trainer, "wgan_gp", "bf16") for _ in range(3))
    whole.advance(6)
    first.advance(3)
    second.restore(first.weights(), first.state())
    second.advance(3)
    assert torch.equal(parameters(second), parameters(whole))


def test_the_default_leaves_ids_and_modules_as_they_were(tiny_spec: TinySpec, tiny_trainer: NewTrainer) -> None:
    spec = tiny_spec("dcgan")
    assert run_id(replace(spec, training=replace(spec.training, precision="fp32"))) == run_id(spec)
    assert run_id(replace(spec, training=replace(spec.training, precision="bf16"))) != run_id(spec)
    assert TrainingSpec().precision == "fp32"
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in tiny_trainer(spec).variant.modules())


def test_a_format_that_the_device_lacks_is_refused_before_the_run_starts(tiny_spec: TinySpec) -> None:
    spec = tiny_spec("gan")
    with pytest.raises(RequestError, match='"tf32" is a format of CUDA GPUs; on a CPU take "fp32" or "bf16"'):
        check(replace(spec, training=replace(spec.training, precision="tf32")), Runtime(device="cpu"))


def test_a_gpu_without_tensor_cores_is_refused_what_it_would_emulate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Old GPU")
    check_precision("fp32", torch.device("cuda"))
    for precision in ("tf32", "bf16"):
        with pytest.raises(RequestError, match="needs compute capability 8.0, and Old GPU has compute capability 7.5"):
            check_precision(precision, torch.device("cuda"))  # type: ignore[arg-type]


@pytest.mark.parametrize(("determinism", "strict"), [("strict", True), ("off", False)])
def test_what_a_record_promises_follows_from_determinism(determinism: str, strict: bool) -> None:
    code = (
        "import sys, torch; from pathlib import Path; from ganbench.environment import configure, describe, setting;"
        "from ganbench.plan.runtime import Runtime; device = configure(Runtime(device='cpu', determinism=sys.argv[1]));"
        "said = describe(device, Path('x')); flags = said['flags'];"
        "print(flags['deterministic_algorithms'], flags['cudnn_benchmark'], said['promise'], said['fingerprint'], setting(device), sep='|')"
    )
    out = subprocess.run([sys.executable, "-c", code, determinism], capture_output=True, text=True, check=True).stdout
    demanded, tried, promise, fingerprint, setting = out.strip().split("|")
    assert (demanded, tried) == (str(strict), str(not strict))
    assert promise.startswith("bit-identical within this fingerprint" if strict else "statistically equal everywhere")
    assert setting == f"cpu, 1 thread, {'strict' if strict else 'not deterministic'}"
    FINGERPRINTS.setdefault(determinism, fingerprint)
    assert len(set(FINGERPRINTS.values())) == len(FINGERPRINTS)


FINGERPRINTS: dict[str, str] = {}
