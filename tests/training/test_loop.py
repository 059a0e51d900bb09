from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch
from torch import nn

from i2ibench import registry, weights
from i2ibench.data.batches import in_order
from i2ibench.errors import BenchError
from i2ibench.models.method import Method, Update
from i2ibench.record import Budget
from i2ibench.run import Run, plan
from i2ibench.training.loop import perform
from i2ibench.training.losses import read

CPU = torch.device("cpu")


def make(root: Path, steps: int = 40, **changes: object) -> Run:
    spec = plan("toy-gan", "toy", preset="small", budget=Budget(steps=steps), **changes)  # type: ignore[arg-type]
    return Run(spec, root, CPU, checkpoint_steps=15)


class Stopped(Exception):
    pass


@dataclass
class StopAt:
    """Progress that raises when the training bar reaches a step: a kill between two steps."""

    step: int
    seen: int = 0

    def track(self, title, total, unit, done=0):
        outer = self

        class Tracked:
            def __enter__(self):
                return self.advance

            def __exit__(self, *_):
                return False

            def advance(self, amount):
                if title.startswith("train"):
                    outer.seen += amount
                    if outer.seen >= outer.step:
                        raise Stopped

        return Tracked()

    def say(self, text: str) -> None:
        pass


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("stop", [5, 20, 33])
def test_a_stopped_training_resumes_bit_for_bit(tmp_path: Path, stop: int) -> None:
    whole = make(tmp_path / "whole")
    whole.perform("train")
    cut = make(tmp_path / "cut")
    cut.progress = StopAt(stop)
    with pytest.raises(Stopped):
        cut.perform("train")
    again = make(tmp_path / "cut")
    again.perform("train")
    assert again.folder.checkpoint.read_bytes() == whole.folder.checkpoint.read_bytes()
    assert again.folder.losses.read_text() == whole.folder.losses.read_text()


@pytest.mark.usefixtures("toy")
def test_a_nan_stops_with_step_loss_and_last_good_checkpoint(tmp_path: Path) -> None:
    run = make(tmp_path, overrides={"poison_step": "25"})
    told = r"'generator' was nan at step 26; the last good checkpoint, '.*last.safetensors'"
    with pytest.raises(BenchError, match=told):
        run.perform("train")
    from i2ibench.training.checkpoint import load

    assert load(run.folder.checkpoint).step == 15
    assert all(torch.isfinite(t).all() for t in load(run.folder.checkpoint).tensors["model"].values())
    assert run.folder.record().stages.train == "failed"
    assert "step 26" in (run.folder.record().error or "")


@pytest.fixture
def pretrained(toy: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file of the weights `eye`, not at hand yet, which training the toy reads; what it read is in `read`."""
    adapter, train = registry.adapter("toy-gan"), registry.adapter("toy-gan").train

    def reading(method, training) -> None:
        training.load("eye", lambda tensors: (tmp_path / "read").write_text(json.dumps(tensors["eye"].tolist())))
        train(method, training)

    card = weights.Weights("eye", "a loss of the toy", "eye.pth", "", "made here", "none")
    monkeypatch.setenv("I2IBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(weights, "_others", lambda: {"eye": card})
    monkeypatch.setattr(adapter, "weights", lambda config: ("eye",))
    monkeypatch.setattr(adapter, "train", reading)
    file = tmp_path / "file.pth"
    torch.save({"eye": torch.arange(3)}, file)
    return file


def test_pretrained_networks_must_be_at_hand_before_any_work(pretrained: Path, tmp_path: Path) -> None:
    told = "training toy-gan needs the weights 'eye', which are not at hand: i2ibench weights get eye"
    with pytest.raises(BenchError, match=told):
        make(tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_presets_that_read_no_pretrained_networks_are_named_where_one_is_missing(
    pretrained: Path, tmp_path: Path, monkeypatch
) -> None:
    adapter = registry.adapter("toy-gan")
    monkeypatch.setattr(adapter, "presets", {"small": {}, "thin": {"width": 3}, "tiny": {"width": 2}})
    monkeypatch.setattr(adapter, "weights", lambda config: () if config.width < 4 else ("eye",))
    with pytest.raises(BenchError, match=r"i2ibench weights get eye, or do without by --preset thin or tiny$"):
        make(tmp_path)


def test_training_reads_the_pretrained_network_that_the_run_records(pretrained: Path, tmp_path: Path) -> None:
    weights.get("eye", pretrained)
    run = make(tmp_path, steps=1)
    run.metrics = ["psnr"]
    run.perform()
    assert (tmp_path / "read").read_text() == "[0, 1, 2]"
    recorded = {"eye": hashlib.sha256(pretrained.read_bytes()).hexdigest()}
    for made in (run.folder.record().provenance, run.folder.result().provenance):
        assert made is not None and made.weights == recorded


def test_training_does_not_go_on_with_another_pretrained_network(pretrained: Path, tmp_path: Path) -> None:
    file = weights.get("eye", pretrained)
    run = make(tmp_path, steps=1)
    run.perform("prepare")
    network = file.read_bytes()
    file.write_bytes(b"another network")
    with pytest.raises(BenchError, match=r"began with weights 'eye' of sha256 \w{64}, .*put the former back"):
        run.perform("train")
    file.unlink()
    with pytest.raises(BenchError, match="needs the weights 'eye', which are not at hand"):
        run.perform("train")
    file.write_bytes(network)
    run.perform("train")
    assert run.folder.checkpoint.exists()


def test_a_file_of_no_tensors_is_refused(pretrained: Path, tmp_path: Path) -> None:
    pretrained.write_bytes(b"no tensors")
    weights.get("eye", pretrained)
    told = r"'eye' in .* are not what training toy-gan reads: it is no file of tensors.*weights get eye --from FILE"
    with pytest.raises(BenchError, match=told):
        make(tmp_path, steps=1).perform("train")


def test_a_pretrained_network_that_the_adapter_does_not_name_is_not_given(
    pretrained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.get("eye", pretrained)
    monkeypatch.setattr(registry.adapter("toy-gan"), "weights", lambda config: ())
    with pytest.raises(LookupError, match=r"reads weights 'eye', which `Adapter.weights` must name"):
        make(tmp_path, steps=1).perform("train")


@pytest.mark.usefixtures("toy")
def test_the_log_has_means_of_every_loss(tmp_path: Path) -> None:
    run = make(tmp_path)
    run.perform("train")
    lines = read(run.folder.losses)
    assert [line["step"] for line in lines] == [15, 20, 30, 40]  # every checkpoint and every 20 steps
    assert set(lines[0]) == {"step", "discriminator", "generator", "l1"}
    assert lines[-1]["l1"] < lines[0]["l1"]
    assert run.folder.loss_curves.exists()
    cost = run.folder.record().cost
    assert (cost.steps, cost.pictures) == (40, 80)
    assert cost.seconds > 0
    assert cost.peak_memory > 1e8
    assert cost.parameters == sum(p.numel() for p in run.method().parameters())


@pytest.mark.usefixtures("toy")
def test_bf16_trains_and_keeps_float32_weights(tmp_path: Path) -> None:
    run = make(tmp_path, precision="bf16")
    run.perform("train")
    assert {t.dtype for t in run.method().parameters()} == {torch.float32}


@pytest.mark.usefixtures("toy")
def test_budgets_in_pictures_and_minutes(tmp_path: Path) -> None:
    spec = plan("toy-gan", "toy", preset="small", budget=Budget(pictures=31))
    run = Run(spec, tmp_path, CPU)
    run.perform("train")
    assert run.folder.record().cost.steps == 16  # 31 pictures, 2 a step
    spec = plan("toy-gan", "toy", preset="small", budget=Budget(minutes=0.01))
    run = Run(spec, tmp_path, CPU)
    run.perform("train")
    assert 0.6 <= run.folder.record().cost.seconds < 30


@pytest.mark.usefixtures("toy")
def test_translation_uses_the_average(tmp_path: Path) -> None:
    from i2ibench.training.checkpoint import load

    run = make(tmp_path)
    run.perform("train")
    saved = load(run.folder.checkpoint).tensors
    live, mean = saved["model"]["generator.0.weight"], saved["averages"]["generator.0.weight"]
    assert not torch.equal(live, mean)
    assert torch.equal(run.method().state_dict()["generator.0.weight"], mean)


def test_one_update_equals_plain_autograd() -> None:
    torch.manual_seed(0)
    ours, plain = nn.Linear(3, 2), nn.Linear(3, 2)
    plain.load_state_dict(ours.state_dict())
    x = torch.randn(5, 3)
    optimizer = torch.optim.SGD(ours.parameters(), 0.1)
    perform([Update("all", ours(x).square().sum(), clip_value=0.5)], {"all": optimizer})
    plain(x).square().sum().backward()
    for new, old in zip(ours.parameters(), plain.parameters(), strict=True):
        assert old.grad is not None
        torch.testing.assert_close(new, old - 0.1 * old.grad.clamp(-0.5, 0.5))


def test_an_update_takes_gradients_of_its_own_parameters_only() -> None:
    first, second = nn.Linear(2, 2), nn.Linear(2, 1)
    optimizers = {name: torch.optim.SGD(net.parameters(), 0.1) for name, net in (("a", first), ("b", second))}
    perform([Update("a", second(first(torch.ones(1, 2))).sum())], optimizers)
    assert first.weight.grad is not None
    assert second.weight.grad is None


def test_a_tuple_takes_all_gradients_before_any_step() -> None:
    a, b = nn.Parameter(torch.tensor(2.0)), nn.Parameter(torch.tensor(3.0))
    optimizers = {"a": torch.optim.SGD([a], 0.1), "b": torch.optim.SGD([b], 0.1)}
    product = a * b
    perform((Update("a", product), Update("b", product)), optimizers)
    assert a.item() == pytest.approx(2 - 0.1 * 3)
    assert b.item() == pytest.approx(3 - 0.1 * 2)  # with a of before the step


def test_the_schedule_is_a_pure_function_of_the_step(
    toy: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    import i2ibench.training.loop as loop

    original = loop.perform

    def spy(updates, optimizers):
        seen.append(optimizers["generator"].param_groups[0]["lr"])
        original(updates, optimizers)

    monkeypatch.setattr(loop, "perform", spy)
    make(tmp_path, steps=4).perform("train")
    assert seen[::2] == pytest.approx([2e-3 * (1 - step / 8) for step in range(4)])


def test_pictures_that_a_method_cannot_begin_with_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_method: type[Method]
) -> None:
    def initialize(self, batch) -> None:
        raise ValueError("toy-gan needs blue pictures, found brown ones: paint them")

    monkeypatch.setattr(toy_method, "initialize", initialize)
    with pytest.raises(BenchError, match="task 'toy@1' cannot be trained on: toy-gan needs blue pictures, found brown"):
        make(tmp_path).perform("train")


def test_what_a_method_concludes_from_the_plain_training_split_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_method: type[Method]
) -> None:
    """After the last step, also where it was stopped right before."""
    seen: list[str] = []

    def conclude(self, batches) -> None:
        for batch in batches:
            seen.extend(batch.names)
            self.discriminator.bias.data[0] = batch.target.mean()
        if len(seen) < 10:
            raise Stopped

    monkeypatch.setattr(toy_method, "conclude", conclude)
    run = make(tmp_path, steps=15, limit=5)
    with pytest.raises(Stopped):
        run.perform("train")
    seen += ["stopped"]
    run.perform("train")
    train = run.split("train")
    assert seen == [*train.rows.names[:5], "stopped", *train.rows.names[:5]]
    *_, last = in_order(train, 1, limit=5)
    assert last.target is not None
    assert run.method().discriminator.bias[0].item() == pytest.approx(last.target.mean().item(), abs=1e-6)
