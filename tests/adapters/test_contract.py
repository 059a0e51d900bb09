"""The suite that every adapter of the registry passes; a new method joins by being registered and given a row.

The rows are in `contract_rows`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import torch
from contract_rows import HALVED, LABELS, PARAMETERS, TINY, VARIANTS, Row
from torch import Tensor, nn

from i2ibench import registry, weights
from i2ibench.adapter import Adapter, MethodCard, Shape
from i2ibench.errors import BenchError
from i2ibench.models.method import Batch, Method, Update
from i2ibench.task import Level, Need, Resolution, Task
from i2ibench.training.loop import perform
from i2ibench.training.precision import lay_out


@dataclass(frozen=True)
class Case:
    name: str
    row: Row
    adapter: type[Adapter] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "adapter", registry.adapter(self.name))

    @property
    def preset(self) -> str:
        return "small" if "small" in self.adapter.presets else "paper"

    @property
    def card(self) -> MethodCard:
        return self.adapter.card_for(self.adapter.configure(self.preset, self.row.tiny))

    def build(self) -> Method:
        """The tiny method, the same at every call."""
        config = self.adapter.configure(self.preset, self.row.tiny)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            method = self.adapter.build(
                config, Shape(resolution=Resolution(self.row.side, self.row.side), labels=LABELS, classes=2)
            )
            method.initialize(self.batch())
        return method

    def batch(self, pictures: int = 4) -> Batch:
        """Pictures with everything any method may need; picture i is the same however many there are."""
        side = self.row.side
        names = tuple(f"picture {i}" for i in range(pictures))
        streams = [torch.Generator().manual_seed(i) for i in range(pictures)]

        def draw(make: Callable[[torch.Generator], Tensor]) -> Tensor:
            return torch.stack([make(stream) for stream in streams])

        def picture(stream: torch.Generator) -> Tensor:
            coarse = torch.rand(1, 3, 8, 8, generator=stream) * 2 - 1
            return nn.functional.interpolate(coarse, (side, side), mode="bilinear")[0]

        def classes(stream: torch.Generator) -> Tensor:
            return torch.randint(0, len(LABELS), (side, side), generator=stream)

        def flow(stream: torch.Generator) -> Tensor:
            return torch.randn(2, side, side, generator=stream)

        def frame() -> Batch:
            labels = draw(classes)
            return Batch(names, draw(picture), draw(picture), labels=labels, instances=labels * 1000, flow=draw(flow))

        labels = draw(classes)
        return Batch(
            names,
            source=draw(picture),
            target=draw(picture),
            labels=labels,
            instances=labels * 1000,
            boxes=tuple(torch.tensor([[2.0, 2.0, side / 2, side / 2, 2.0]]) for _ in names),
            target_boxes=tuple(torch.tensor([[side / 2, 2.0, side - 2.0, side / 2, 2.0]]) for _ in names),
            classes=torch.tensor([[0, 1]]).repeat(pictures, 1),
            frames=tuple(frame() for _ in range(self.row.frames)) or None,
            flow=draw(flow),
            exemplars=tuple(draw(picture) for _ in range(self.card.exemplars or 1)),
        )


def doubled(batch: Batch) -> Batch:
    """What the batch has of pictures and flow in double precision."""
    fields = {name: getattr(batch, name) for name in ("source", "target", "flow")}
    frames = batch.frames and tuple(map(doubled, batch.frames))
    found = {name: value.double() for name, value in fields.items() if value is not None}
    return dataclasses.replace(batch, **found, frames=frames)


@pytest.fixture
def double_precision(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Every number is of double precision, and the same noise is drawn in every layout."""
    monkeypatch.setattr(Tensor, "float", Tensor.double)
    monkeypatch.setattr(torch, "randn_like", lambda x: torch.randn(x.shape))
    monkeypatch.setattr(torch, "rand_like", lambda x: torch.rand(x.shape))
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def gradients(case: Case, layout: torch.memory_format) -> dict[tuple[int, str], Tensor]:
    """What one step's updates give each parameter, of as few pictures as it can be done, without dropout."""
    method = case.build().double().train()
    lay_out(method, layout)
    for child in method.modules():
        if isinstance(child, nn.Dropout):
            child.p = 0.0
    batch = doubled(case.batch(2 if case.name in HALVED else 1)).to("cpu", layout)
    found: dict[tuple[int, str], Tensor] = {}
    torch.manual_seed(0)
    step = case.row.steps - 1  # the last of those that reach everything: methods with a schedule begin with less
    method.fraction = step / case.row.steps
    for index, yielded in enumerate(method.updates(batch, step)):
        trained = {name: p for name, p in method.named_parameters() if p.requires_grad}
        for update in (yielded,) if isinstance(yielded, Update) else yielded:
            slopes = torch.autograd.grad(update.loss, [*trained.values()], retain_graph=True, allow_unused=True)
            found |= {(index, name): g for name, g in zip(trained, slopes, strict=True) if g is not None}
    return found


def train(method: Method, batch: Batch, steps: int) -> dict[str, bool]:
    """The least loop that keeps the contract. Whether each parameter ever had a gradient that was not all zeros."""
    optimizers = method.optimizers()
    initial = {name: [group["lr"] for group in optimizer.param_groups] for name, optimizer in optimizers.items()}
    method.train()
    reached: dict[str, bool] = {}
    names = {id(p): name for name, p in method.named_parameters()}
    stepped = set()
    for step in range(steps):
        torch.manual_seed(step)
        method.fraction = step / steps
        for yielded in method.updates(batch, step):
            together = (yielded,) if isinstance(yielded, Update) else yielded
            for update in together:
                assert update.loss.shape == ()
                assert torch.isfinite(update.loss)
                assert all(value.shape == () and not value.requires_grad for value in update.logs.values())
                optimizers[update.optimizer].zero_grad()
            for index, update in enumerate(together):
                update.loss.backward(retain_graph=index + 1 < len(together))
            for update in together:
                optimizer = optimizers[update.optimizer]
                parameters = [p for group in optimizer.param_groups for p in group["params"]]
                for parameter in parameters:
                    gradient = parameter.grad
                    assert gradient is None or torch.isfinite(gradient).all(), names[id(parameter)]
                    alive = gradient is not None and bool(gradient.any())
                    reached[names[id(parameter)]] = reached.get(names[id(parameter)], False) or alive
                if update.clip_norm is not None:
                    nn.utils.clip_grad_norm_(parameters, update.clip_norm)
                if update.clip_value is not None:
                    nn.utils.clip_grad_value_(parameters, update.clip_value)
                for group, lr in zip(optimizer.param_groups, initial[update.optimizer], strict=True):
                    factor = method.learning_rate(update.optimizer, step, step / steps)
                    assert 0 <= factor <= 1
                    group["lr"] = lr * factor
                optimizer.step()
                stepped.add(update.optimizer)
    assert stepped == set(optimizers), "every optimiser has its turn"
    return reached


def with_another_exemplar(batch: Batch) -> Batch:
    return dataclasses.replace(batch, exemplars=tuple(-one for one in batch.exemplars or ()))


def task_that_gives(*needs: Need) -> Task:
    return Task(
        name="nothing",
        title="",
        description="",
        level=Level.STRONG,
        gives=frozenset(needs),
        resolutions=(Resolution(32, 32),),
        splits={"train": 1},
        data="nowhere:nothing",
        labels=LABELS,
        metrics={},
        source="",
        licence="",
    )


CASES = {name: Case(name, TINY[name]) for name in registry.methods() if name in TINY}
ALL = CASES | {variant: Case(name, row) for variant, (name, row) in VARIANTS.items()}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest) -> Case:
    return CASES[request.param]


@pytest.fixture(params=ALL)
def variant(request: pytest.FixtureRequest) -> Case:
    return ALL[request.param]


@pytest.fixture(autouse=True)
def global_generator() -> object:
    with torch.random.fork_rng():
        yield


def test_every_registered_method_is_in_the_suite() -> None:
    ours = {name for name in registry.methods() if registry.adapter(name).__module__.startswith("i2ibench.adapters.")}
    assert ours == set(TINY), "give every method of the registry a row in TINY of contract_rows"


class TestCard:
    def test_is_complete(self, case: Case) -> None:
        card = case.adapter.card
        assert card.name == case.name
        assert card.title
        assert card.levels or card.likelihood, "a density alone translates at no level"
        for other in card.starts:  # by --set gan=NAME, as pretraining says
            assert "gan" in {one.name for one in dataclasses.fields(registry.adapter(other).config())}
        if card.name != "identity":
            assert card.paper is not None
            assert card.paper.title
            assert card.paper.authors
            assert 2014 <= card.paper.year <= 2030
            assert card.paper.arxiv is None or re.fullmatch(r"\d{4}\.\d{4,5}", card.paper.arxiv)

    def test_likelihood_is_what_the_method_has(self, case: Case) -> None:
        overrides = type(case.build()).bits_per_dim is not Method.bits_per_dim
        assert overrides == case.adapter.card.likelihood

    def test_presets(self, case: Case) -> None:
        presets = case.adapter.presets
        assert presets["paper"] == {}
        assert "small" in presets
        assert set(case.adapter.batch_size) <= set(presets)
        for preset in presets:
            config = case.adapter.configure(preset)
            assert dataclasses.is_dataclass(config)
            case.adapter.check_batch_size(config, case.adapter.batch_size.get(preset, 1))
            assert hash(config) == hash(case.adapter.configure(preset))
            augmentation = case.adapter.augmentation(config)
            assert augmentation.scale >= 1
            assert set(case.adapter.weights(config)) <= set(weights.cards())

    @pytest.mark.parametrize("resolution", [Resolution(64, 64), Resolution(64, 128)])
    def test_small_fits_the_embedded_tasks(self, case: Case, resolution: Resolution) -> None:
        config = case.adapter.configure(case.preset)
        with torch.device("meta"):
            method = case.adapter.build(config, Shape(resolution=resolution, labels=LABELS, classes=2))
        assert isinstance(method, Method)
        assert tuple(method.pretrained()) == case.adapter.weights(config)


class TestRefusal:
    def test_of_a_task_that_lacks_a_need(self, case: Case) -> None:
        needs, config = case.adapter.card.needs, case.adapter.configure(case.preset)
        for lacking in needs:
            with pytest.raises(BenchError, match=f"no {lacking.value}.*{case.name} needs.*--needs {lacking.value}"):
                case.adapter.refuse(task_that_gives(*(needs - {lacking})), config)
        case.adapter.refuse(task_that_gives(*needs, *case.adapter.needs(config)), config)

    def test_of_a_task_that_lacks_what_a_setting_needs(self, variant: Case) -> None:
        needs, config = variant.adapter.card.needs, variant.adapter.configure(variant.preset, variant.row.tiny)
        asked = variant.adapter.needs(config)
        for lacking, setting in asked.items():
            told = f"no {lacking.value}, which {variant.name} with {re.escape(setting)} needs"
            with pytest.raises(BenchError, match=told):
                variant.adapter.refuse(task_that_gives(*needs, *(set(asked) - {lacking})), config)

    def test_of_an_unknown_field(self, case: Case) -> None:
        with pytest.raises(BenchError, match="no config field 'no_such_field'"):
            case.adapter.configure(case.preset, {"no_such_field": "1"})

    def test_of_pictures_that_do_not_fit(self) -> None:
        for name, preset, resolution in (
            ("pix2pix", "paper", Resolution(64, 64)),
            ("pix2pix", "small", Resolution(64, 66)),
            ("bicyclegan", "paper", Resolution(64, 64)),
            ("bicyclegan", "small", Resolution(64, 66)),
            ("c_glow", "paper", Resolution(256, 264)),
            ("glow", "small", Resolution(64, 68)),
            ("spade", "small", Resolution(64, 80)),
            ("pix2pixhd", "paper", Resolution(64, 72)),
            ("vid2vid", "small", Resolution(64, 66)),
            ("dual_glow", "small", Resolution(64, 68)),
            ("full_glow", "small", Resolution(64, 68)),
            ("munit", "small", Resolution(64, 66)),
            ("stargan", "small", Resolution(64, 66)),
            ("starganv2", "small", Resolution(64, 66)),
            ("funit", "small", Resolution(64, 66)),
            ("drit", "small", Resolution(64, 66)),
            ("drit_multi", "small", Resolution(64, 66)),
            ("init", "small", Resolution(64, 66)),
            ("unit", "small", Resolution(66, 64)),
            ("cyclegan", "small", Resolution(64, 66)),
            ("simgan", "cyclegan_baseline", Resolution(64, 66)),
            ("cut", "small", Resolution(64, 66)),
            ("biggan", "small", Resolution(64, 66)),
            ("deepi2i", "small", Resolution(64, 66)),
            ("stylegan", "small", Resolution(64, 66)),
            ("deepi2i_stylegan", "small", Resolution(64, 66)),
            ("ugatit", "small", Resolution(64, 66)),
            ("nicegan", "small", Resolution(66, 64)),
            ("iegan", "small", Resolution(64, 80)),
        ):
            adapter = registry.adapter(name)
            with pytest.raises(BenchError, match=rf"{name}.*multiples of \d+, .*{resolution}: (use|choose)"):
                adapter.build(adapter.configure(preset), Shape(resolution=resolution))

    def test_of_pictures_smaller_than_a_patch(self) -> None:
        adapter = registry.adapter("pix2pix")
        config = adapter.configure("small", {"levels": "4", "n_layers": "4"})
        with pytest.raises(BenchError, match=r"n_layers=4 needs sides of at least 48 pixels.*32x32: use"):
            adapter.build(config, Shape(resolution=Resolution(32, 32)))


class TestTraining:
    def test_gradients_are_finite_and_reach_every_trainable_parameter(self, variant: Case) -> None:
        method = variant.build()
        reached = train(method, variant.batch(), variant.row.steps)
        trainable = {name for name, p in method.named_parameters() if p.requires_grad}
        assert set(reached) == trainable, "every trainable parameter belongs to an optimiser"
        dead = {name for name in reached if variant.row.dead and re.search(variant.row.dead, name)}
        assert {name for name, alive in reached.items() if not alive} == dead

    def test_is_repeatable(self, case: Case) -> None:
        states = []
        for _ in range(2):
            method = case.build()
            train(method, case.batch(), 2)
            states.append(method.state_dict())
        assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())

    def test_in_bf16_and_channels_last(self, case: Case) -> None:
        method = case.build()
        lay_out(method, torch.channels_last)
        batch, optimizers = case.batch().to("cpu", torch.channels_last), method.optimizers()
        for step in range(2):
            torch.manual_seed(step)
            updates = method.updates(batch, step)
            while True:
                with torch.autocast("cpu", torch.bfloat16):
                    update = next(updates, None)
                if update is None:
                    break
                perform((update,) if isinstance(update, Update) else update, optimizers)
        for name, parameter in method.named_parameters():
            assert parameter.dtype == torch.float32
            assert torch.isfinite(parameter).all(), name

    @pytest.mark.usefixtures("double_precision")
    def test_gradients_are_the_same_in_channels_last(self, variant: Case) -> None:
        expected = gradients(variant, torch.contiguous_format)
        found = gradients(variant, torch.channels_last)
        assert found.keys() == expected.keys()
        whole = sum(float(gradient.square().sum()) for gradient in expected.values()) ** 0.5
        for key, gradient in expected.items():
            assert (found[key] - gradient).norm() <= 1e-5 * gradient.norm() + 1e-7 * whole, key

    def test_method_is_a_pytorch_module_with_averages_of_its_own(self, case: Case) -> None:
        method = case.build()
        assert set(method.averages) <= {name for name, _ in method.named_modules()}
        assert all(0 < decay < 1 for decay in method.averages.values())


class TestTranslation:
    def test_pictures_and_their_range(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        out = variant.adapter.translate(method, batch, seed=0)
        assert out.shape == batch.source.shape
        assert out.dtype == torch.float32
        assert not out.requires_grad
        assert out.abs().max() <= 1

    def test_is_independent_of_the_batch(self, variant: Case) -> None:
        method = variant.build()
        train(method, variant.batch(), 2)
        batch = variant.batch()
        together = variant.adapter.translate(method, batch, seed=0)
        alone = torch.cat([variant.adapter.translate(method, batch[i], seed=0) for i in range(len(batch))])
        torch.testing.assert_close(together, alone, rtol=0, atol=variant.row.tolerance)

    def test_is_repeatable_and_leaves_the_method_alone(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        before = {name: value.clone() for name, value in method.state_dict().items()}
        first = variant.adapter.translate(method, batch, seed=0)
        torch.manual_seed(99)
        assert torch.equal(first, variant.adapter.translate(method, batch, seed=0))
        assert all(torch.equal(value, before[name]) for name, value in method.state_dict().items())

    def test_samples_differ_where_stochastic(self, case: Case) -> None:
        method = case.build()
        batch = case.batch()
        other = with_another_exemplar(batch)  # the harness draws one for each (seed, sample)
        first = case.adapter.translate(method, batch, seed=0)
        second = case.adapter.translate(method, other, seed=0, sample=1)
        other_seed = case.adapter.translate(method, other, seed=1)
        assert torch.equal(first, second) != case.card.stochastic
        assert torch.equal(first, other_seed) != case.card.stochastic

    def test_does_not_read_the_target(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        expected = variant.adapter.translate(method, batch, seed=0)
        bare = dataclasses.replace(batch, target=None)
        assert torch.equal(expected, variant.adapter.translate(method, bare, seed=0))

    def test_reads_the_exemplar_where_the_card_says_so(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        train(method, batch, 2)
        expected = variant.adapter.translate(method, batch, seed=0)
        changed = variant.adapter.translate(method, with_another_exemplar(batch), seed=0)
        assert torch.equal(expected, changed) != bool(variant.card.exemplars)
        none = dataclasses.replace(batch, exemplars=None)
        if variant.card.exemplars:
            with pytest.raises(ValueError, match="exemplar"):
                variant.adapter.translate(method, none, seed=0)
        else:
            assert torch.equal(expected, variant.adapter.translate(method, none, seed=0))

    def test_reads_the_class_asked_for_where_the_card_says_so(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        train(method, batch, 2)
        expected = variant.adapter.translate(method, batch, seed=0)
        others = dataclasses.replace(batch, classes=torch.tensor([[0, 0]]).repeat(len(batch), 1))
        changed = not torch.equal(expected, variant.adapter.translate(method, others, seed=0))
        config = variant.adapter.configure(variant.preset, variant.row.tiny)
        needed = Need.CLASSES in {*variant.adapter.card.needs, *variant.adapter.needs(config)}
        assert changed == (variant.card.classes or needed)

    def test_content_moves_to_another_source_where_the_card_says_so(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        if not variant.card.transfer:
            with pytest.raises(NotImplementedError):
                method.transfer(batch, batch)
            return
        train(method, batch, 2)
        own = method.transfer(batch, batch)
        assert batch.target is not None
        if variant.card.likelihood:  # source and content tell all of the target
            torch.testing.assert_close(own, batch.target, rtol=0, atol=1 / 127.5 + 10 * variant.row.tolerance)
        other = dataclasses.replace(batch[list(reversed(range(len(batch))))], target=None)
        assert not torch.equal(own, method.transfer(batch, other))
        assert not torch.equal(own, method.transfer(dataclasses.replace(batch, target=-batch.target), batch))

    def test_state_round_trip(self, variant: Case) -> None:
        method, batch = variant.build(), variant.batch()
        train(method, batch, 2)
        other = variant.build()
        other.load_state_dict(method.state_dict())
        expected = variant.adapter.translate(method, batch, seed=0)
        assert torch.equal(expected, variant.adapter.translate(other, batch, seed=0))


class TestLikelihood:
    def test_bits_per_dim(self, variant: Case) -> None:
        if not variant.adapter.card.likelihood:
            with pytest.raises(NotImplementedError):
                variant.build().bits_per_dim(variant.batch(), seed=0)
            return
        method, batch = variant.build(), variant.batch()
        train(method, batch, 2)
        bits = method.bits_per_dim(batch, seed=0)
        assert bits.shape == (len(batch),)
        assert not bits.requires_grad
        assert torch.isfinite(bits).all()
        assert torch.equal(bits, method.bits_per_dim(batch, seed=0))
        assert not torch.equal(bits, method.bits_per_dim(batch, seed=0, draw=1))
        alone = torch.cat([method.bits_per_dim(batch[i], seed=0) for i in range(len(batch))])
        torch.testing.assert_close(bits, alone, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize(("name", "preset", "overrides", "side", "network", "parameters"), PARAMETERS)
def test_parameters_at_the_papers_size(
    name: str, preset: str, overrides: Mapping[str, str], side: int, network: str, parameters: int
) -> None:
    adapter = registry.adapter(name)
    with torch.device("meta"):
        shape = Shape(resolution=Resolution(side, side), labels=LABELS, classes=2)
        method = adapter.build(adapter.configure(preset, overrides), shape)
    assert sum(p.numel() for p in method.get_submodule(network).parameters()) == parameters
