from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from i2ibench.models.init import INIT, INITConfig
from i2ibench.models.layers.gaussian_codes import style_codes
from i2ibench.models.layers.views import View
from i2ibench.models.method import Batch, Method, Update
from i2ibench.models.munit import MUNIT, MUNITConfig

NETWORKS = {"dim": 4, "style_dim": 3, "n_res": 1, "mlp_dim": 8, "style_downsample": 2, "dis_dim": 4, "n_layers": 2}
TINY = INITConfig(**NETWORKS, scales=2, instance_scales=2, instance_size=16, least_side=6)  # type: ignore[arg-type]
WHOLE = {"gan": 1.0, "recon_x": 10.0, "recon_c": 1.0, "recon_s": 1.0, "recon_x_cyc": 10.0}
NO_INSTANCES = {f"instance_{name}_weight": 0.0 for name in WHOLE}
NONE = torch.zeros(0, 5)
OBJECT, OTHER, SMALL = [4.0, 8, 16, 24, 0], [16.0, 2, 30, 20, 1], [20.0, 26, 25, 31, 1]


def tiny_batch(
    of_sources: Sequence[Sequence[list[float]]] = ((OBJECT, SMALL), (OTHER,)),
    of_targets: Sequence[Sequence[list[float]]] = ((OTHER, SMALL), (OBJECT,)),
) -> Batch:
    """Two pictures a domain unless told otherwise; each has at most one box that is large enough."""
    stream = torch.Generator().manual_seed(1)
    source, target = (torch.rand(2, 3, 32, 32, generator=stream) * 2 - 1 for _ in range(2))
    boxes, target_boxes = (
        tuple(torch.tensor(rows) if rows else NONE for rows in side) for side in (of_sources, of_targets)
    )
    pictures = len(boxes)
    names = tuple(f"picture {i}" for i in range(pictures))
    return Batch(names, source[:pictures], target[:pictures], boxes=boxes, target_boxes=target_boxes)


def parameters(method: Method, optimizer: str) -> list[Tensor]:
    return [p for name, p in method.named_parameters() if ("discriminator" in name) == (optimizer == "discriminator")]


def perform(method: Method, batch: Batch, stepping: bool = True) -> Iterator[tuple[Update, list[Tensor | None]]]:
    """The least loop; yields each update with its own gradients after its step."""
    optimizers = method.optimizers()
    for update in method.updates(batch, 0):
        own = parameters(method, update.optimizer)
        gradients = list(torch.autograd.grad(update.loss, own, allow_unused=True))
        for parameter, gradient in zip(own, gradients, strict=True):
            parameter.grad = gradient
        if stepping:
            optimizers[update.optimizer].step()
        yield update, gradients


class TestWithoutInstances:
    """No weights for instances, no boxes, or none large enough: what is left is MUNIT."""

    @pytest.mark.parametrize("without", ["weights", "boxes", "large boxes"])
    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    def test_losses_and_gradients_are_munits(self, without: str, objective: str) -> None:
        theirs_config = MUNITConfig(**NETWORKS, scales=2, recon_x_cyc_weight=10.0, objective=objective)  # type: ignore[arg-type]
        config = dataclasses.replace(TINY, objective=objective)  # type: ignore[arg-type]
        batch = tiny_batch()
        if without == "weights":
            config = dataclasses.replace(config, **NO_INSTANCES)  # type: ignore[arg-type]
        else:
            boxes = (NONE if without == "boxes" else torch.tensor([SMALL]),) * 2
            batch = dataclasses.replace(batch, boxes=boxes, target_boxes=boxes)
        torch.manual_seed(3)
        theirs = MUNIT(theirs_config)
        torch.manual_seed(3)
        ours = INIT(config)
        shared = set(dict(theirs.named_parameters()))
        for step in range(2):  # the second on networks that have moved
            torch.manual_seed(step)
            expected = list(perform(theirs, batch))
            torch.manual_seed(step)
            found = list(perform(ours, batch))
            assert [u.optimizer for u, _ in found] == [u.optimizer for u, _ in expected]
            for (update, gradients), (wanted, wanted_gradients) in zip(found, expected, strict=True):
                torch.testing.assert_close(update.loss, wanted.loss, rtol=1e-6, atol=0)
                for name, value in wanted.logs.items():
                    torch.testing.assert_close(update.logs[name], value, rtol=1e-6, atol=0)
                assert all(update.logs[name] == 0 for name in set(update.logs) - set(wanted.logs))
                names = [
                    n for n, p in ours.named_parameters() if any(p is q for q in parameters(ours, wanted.optimizer))
                ]
                of_munit = [g for n, g in zip(names, gradients, strict=True) if n in shared]
                assert all(g is None for n, g in zip(names, gradients, strict=True) if n not in shared)
                for gradient, wanted_gradient in zip(of_munit, wanted_gradients, strict=True):
                    torch.testing.assert_close(gradient, wanted_gradient, rtol=1e-5, atol=1e-7)

    def test_boxes_are_not_asked_for_where_no_loss_reads_them(self) -> None:
        bare = dataclasses.replace(tiny_batch(), boxes=None, target_boxes=None)
        assert list(perform(INIT(dataclasses.replace(TINY, **NO_INSTANCES)), bare))  # type: ignore[arg-type]

    @pytest.mark.parametrize(("field", "told"), [("boxes", "init reads boxes:"), ("target_boxes", "boxes of targets")])
    def test_needs_boxes_of_both_domains(self, field: str, told: str) -> None:
        with pytest.raises(ValueError, match=told):
            next(INIT(TINY).updates(dataclasses.replace(tiny_batch(), **{field: None}), 0))

    def test_needs_targets(self) -> None:
        with pytest.raises(ValueError, match="init reads targets"):
            next(INIT(TINY).updates(dataclasses.replace(tiny_batch(), target=None), 0))


class TestLosses:
    @pytest.mark.parametrize("objective", ["lsgan", "vanilla"])
    @pytest.mark.parametrize("shared", [True, False])
    def test_gradients_are_those_of_the_sheets_sums(self, objective: str, shared: bool) -> None:
        """All pictures decoded apart, nothing frozen, codes not detached. The second source has no instance."""
        config = dataclasses.replace(
            TINY,
            objective=objective,  # type: ignore[arg-type]
            share_instance_encoder=shared,
            gan_weight=2.0,
            instance_gan_weight=3.0,
            instance_recon_x_weight=7.0,
            instance_recon_c_weight=0.5,
            instance_recon_s_weight=0.25,
            instance_recon_x_cyc_weight=4.0,
            background_weight=0.75,
        )
        method, batch = INIT(config).double(), tiny_batch(of_sources=([OBJECT, SMALL], [SMALL]))
        assert batch.target is not None
        x_a, x_b = batch.source.double(), batch.target.double()
        drawn = [torch.randn(2, 3).double() for _ in range(4)]
        given = iter((drawn[:2], drawn[2:]))
        method.drawn_styles = lambda _: next(given)  # type: ignore[method-assign]
        batch = dataclasses.replace(batch, source=x_a, target=x_b)
        found = {u.optimizer: g for u, g in perform(method, batch, stepping=False)}

        a, b = method.generator_a, method.generator_b
        in_a, in_b = (a, b) if shared else (method.instance_generator_a, method.instance_generator_b)
        assert in_a is not None
        assert in_b is not None
        d_a, d_b = method.discriminator_a, method.discriminator_b
        o_a, o_b = method.instance_discriminator_a, method.instance_discriminator_b

        def adversarial(judge: nn.Module, x: Tensor, real: float) -> Tensor:
            total = torch.zeros((), dtype=torch.float64)
            for scale in judge(x):
                target = torch.full_like(scale, real)
                vanilla = objective == "vanilla"
                loss = F.binary_cross_entropy_with_logits if vanilla else F.mse_loss
                total = total + loss(scale, target)
            return total

        def cropped(x: Tensor, left: int, top: int, right: int, bottom: int) -> Tensor:
            return F.interpolate(x[None, :, top:bottom, left:right], (16, 16), mode="bilinear", antialias=True)

        def bare(x: Tensor, *boxes: list[float]) -> Tensor:
            out = x[None].clone()
            for left, top, right, bottom, _ in boxes:
                out[..., int(top) : int(bottom), int(left) : int(right)] = 0
            return out

        # (crop, background, its picture's row) of each instance
        of_a = [(cropped(x_a[0], 4, 8, 16, 24), bare(x_a[0], OBJECT, SMALL), 0)]
        of_b = [
            (cropped(x_b[0], 16, 2, 30, 20), bare(x_b[0], OTHER, SMALL), 0),
            (cropped(x_b[1], 4, 8, 16, 24), bare(x_b[1], OBJECT), 1),
        ]
        d_s_a, d_s_b, s_a, s_b = drawn

        x_ba, x_ab = a.decode(b.content(x_b), d_s_a).detach(), b.decode(a.content(x_a), d_s_b).detach()
        judging = 2 * (adversarial(d_a, x_ba, 0) + adversarial(d_a, x_a, 1))
        judging = judging + 2 * (adversarial(d_b, x_ab, 0) + adversarial(d_b, x_b, 1))
        for views, gen, whole, x, judge, into, other_judge, style in (
            (of_a, in_a, a, x_a, o_a, in_b, o_b, d_s_b),
            (of_b, in_b, b, x_b, o_b, in_a, o_a, d_s_a),
        ):
            for o, _, row in views:
                fake = into.decode(gen.content(o), style[row : row + 1]).detach()
                o_g = gen.decode(gen.content(o), whole.style(x[row : row + 1])).detach()
                terms = adversarial(other_judge, fake, 0) + adversarial(judge, o, 1)
                terms = terms + 0.5 * (adversarial(judge, o_g, 0) + adversarial(judge, o, 1))
                judging = judging + 3 * terms / 2

        c_a, c_b, own_a, own_b = a.content(x_a), b.content(x_b), a.style(x_a), b.style(x_b)
        x_ba, x_ab = a.decode(c_b, s_a), b.decode(c_a, s_b)
        generating = (
            10 * (F.l1_loss(a.decode(c_a, own_a), x_a) + F.l1_loss(b.decode(c_b, own_b), x_b))
            + F.l1_loss(a.style(x_ba), s_a)
            + F.l1_loss(b.style(x_ab), s_b)
            + F.l1_loss(b.content(x_ab), c_a)
            + F.l1_loss(a.content(x_ba), c_b)
            + 10 * F.l1_loss(a.decode(b.content(x_ab), own_a), x_a)
            + 10 * F.l1_loss(b.decode(a.content(x_ba), own_b), x_b)
            + 2 * (adversarial(d_a, x_ba, 1) + adversarial(d_b, x_ab, 1))
        )
        for views, gen, whole, x, judge, into, other_judge, style in (
            (of_a, in_a, a, x_a, o_a, in_b, o_b, s_b),
            (of_b, in_b, b, x_b, o_b, in_a, o_a, s_a),
        ):
            for o, background, row in views:
                c_o, s_o, s_g, s_bg = (
                    gen.content(o),
                    gen.style(o),
                    whole.style(x[row : row + 1]),
                    whole.style(background),
                )
                terms = 7 * F.l1_loss(gen.decode(c_o, s_o), o)
                for weight, coarser in ((1.0, s_g), (0.75, s_bg)):
                    crossed = gen.decode(c_o, coarser)
                    content = gen.content(crossed)
                    terms = terms + weight * 0.5 * F.l1_loss(content, c_o)
                    terms = terms + weight * 0.25 * F.l1_loss(gen.style(crossed), coarser)
                    terms = terms + weight * 7 * F.l1_loss(gen.decode(content, s_o), o)
                fake, s = into.decode(c_o, style[row : row + 1]), style[row : row + 1]
                terms = terms + 0.5 * F.l1_loss(into.content(fake), c_o) + 0.25 * F.l1_loss(into.style(fake), s)
                terms = terms + 4 * F.l1_loss(gen.decode(into.content(fake), s_o), o)
                terms = terms + 3 * adversarial(other_judge, fake, 1)
                terms = terms + 1.5 * adversarial(judge, gen.decode(c_o, s_g), 1)
                generating = generating + terms / 2
        for name, loss in (("discriminator", judging), ("generator", generating)):
            expected = torch.autograd.grad(loss, parameters(method, name), retain_graph=True)
            for ours, theirs in zip(found[name], expected, strict=True):
                assert ours is not None
                # adversarial losses are in float32
                torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-7)

    @pytest.mark.parametrize("name", [*WHOLE, *(f"instance_{name}" for name in WHOLE)])
    def test_each_weight_scales_its_own_term_and_0_leaves_it_out(self, name: str) -> None:
        found = []
        for weight in (0.0, 1.0, 3.0):
            torch.manual_seed(0)
            weights = {f"{name}_weight": weight}
            if name == "gan":
                weights["instance_gan_weight"] = 0.0
            method = INIT(dataclasses.replace(TINY, **weights))  # type: ignore[arg-type]
            found.append({u.optimizer: u for u, _ in perform(method, tiny_batch(), stepping=False)}["generator"])
        none, once, thrice = found
        assert set(once.logs) - set(none.logs) == {name}
        assert (thrice.loss - once.loss).item() == pytest.approx(2 * once.logs[name].item(), rel=1e-4)

    def test_a_picture_without_instance_adds_nothing_that_others_make_up_for(self) -> None:
        method = INIT(dataclasses.replace(TINY, background_weight=0.5))

        def logs(*of_sources: Sequence[list[float]]) -> dict[str, float]:
            batch = tiny_batch(of_sources, [()] * len(of_sources))
            updates = {u.optimizer: u for u, _ in perform(method, batch, stepping=False)}
            return {name: value.item() for name, value in updates["generator"].logs.items()}

        alone, second_without, none = logs([OBJECT]), logs([OBJECT], [SMALL]), logs([], [])
        # of all others the drawn styles are part
        assert alone["instance_recon_x"] > 0
        assert second_without["instance_recon_x"] == pytest.approx(alone["instance_recon_x"] / 2, rel=1e-5)
        assert all(value == 0 for name, value in none.items() if name.startswith("instance"))
        assert set(none) == set(alone), "the log of losses has the same columns at every step"

    def test_of_weight_0_have_no_passes(self) -> None:
        """How often each network runs in a step, on both domains' pictures together, beyond MUNIT's runs."""

        def runs(**weights: float) -> dict[str, int]:
            method = INIT(dataclasses.replace(TINY, **weights))  # type: ignore[arg-type]
            count = dict.fromkeys(("content", "style", "decoder", "judge"), 0)

            def counted(name: str, module: nn.Module) -> None:
                def add(*_: object) -> None:
                    count[name] += 1

                module.register_forward_hook(add)

            for generator in (method.generator_a, method.generator_b):
                for name in ("content", "style", "decoder"):
                    counted(name, generator.get_submodule(name))
            for judge in (method.instance_discriminator_a, method.instance_discriminator_b):
                counted("judge", judge)
            list(perform(method, tiny_batch(), stepping=False))
            return {name: value // 2 for name, value in count.items()}

        def beyond(**weights: float) -> dict[str, int]:
            return {name: value - munit[name] for name, value in runs(**weights).items()}

        munit = runs(**NO_INSTANCES)
        assert munit == {"content": 2, "style": 2, "decoder": 3, "judge": 0}
        # decoders: the discriminators', within, coarser styles, translations, and the cycles of the last two
        assert beyond() == {"content": 3, "style": 4, "decoder": 6, "judge": 2}
        assert beyond(background_weight=0.0) == {"content": 3, "style": 3, "decoder": 6, "judge": 2}
        assert beyond(instance_gan_weight=0.0) == {"content": 3, "style": 4, "decoder": 5, "judge": 0}
        assert beyond(instance_recon_x_cyc_weight=0.0) == {"content": 3, "style": 4, "decoder": 5, "judge": 2}
        assert beyond(instance_recon_s_weight=0.0) == {"content": 3, "style": 2, "decoder": 6, "judge": 2}
        assert beyond(instance_recon_x_weight=0.0) == {"content": 3, "style": 4, "decoder": 4, "judge": 2}
        only_gan = {name: 0.0 for name in NO_INSTANCES if "gan" not in name}
        assert beyond(**only_gan) == {"content": 1, "style": 0, "decoder": 3, "judge": 2}


class TestStyleBank:
    def test_contents_are_decoded_in_allowed_styles_alone(self) -> None:
        """Of whole pictures never in those of instances or backgrounds."""
        method, batch = INIT(TINY), tiny_batch()
        encoded: dict[str, list[Tensor]] = {"whole": [], "background": [], "instance": []}
        decoded: list[tuple[str, Tensor]] = []

        def note_style(_: nn.Module, inputs: tuple[Tensor], styles: Tensor) -> None:
            (pictures,) = inputs
            if pictures.shape[-1] == TINY.instance_size:
                encoded["instance"] += styles
            else:
                kind = "background" if (pictures == 0).all(1).flatten(1).any(1).all() else "whole"
                encoded[kind] += styles

        def note_content(_: nn.Module, inputs: tuple[Tensor, Tensor]) -> None:
            granularity = "instance" if inputs[0].shape[-1] == TINY.instance_size // TINY.multiple else "whole"
            pending.extend(granularity for _ in inputs[0])

        pending: list[str] = []

        def note_mlp(_: nn.Module, inputs: tuple[Tensor]) -> None:
            in_styles.extend(inputs[0])

        in_styles: list[Tensor] = []
        for generator in (method.generator_a, method.generator_b):
            generator.style.register_forward_hook(note_style)
            generator.decoder.register_forward_pre_hook(note_content)
            generator.mlp.register_forward_pre_hook(note_mlp)
        list(perform(method, batch, stepping=False))
        assert len(pending) == len(in_styles)
        decoded = list(zip(pending, in_styles, strict=True))

        def kind_of(style: Tensor) -> str:
            kinds = [kind for kind, styles in encoded.items() if any(torch.equal(style, one) for one in styles)]
            return kinds[0] if kinds else "drawn"

        assert len(encoded["background"]) == 4
        found = {(content, kind_of(style)) for content, style in decoded}
        assert found == {
            ("whole", "whole"),
            ("whole", "drawn"),
            ("instance", "instance"),
            ("instance", "background"),
            ("instance", "whole"),
            ("instance", "drawn"),
        }

    def test_instances_are_translated_in_the_styles_drawn_for_their_pictures(self) -> None:
        method, batch = INIT(TINY), tiny_batch(of_sources=([SMALL], [OTHER]))
        drawn = [torch.randn(2, 3) for _ in range(4)]
        given = iter((drawn[:2], drawn[2:]))
        method.drawn_styles = lambda _: next(given)  # type: ignore[method-assign]
        styles: list[Tensor] = []
        method.generator_b.mlp.register_forward_pre_hook(lambda _, inputs: styles.append(inputs[0]))
        list(perform(method, batch, stepping=False))
        assert any(torch.equal(found, drawn[1][1:]) for found in styles), "the discriminators' step"
        assert any(torch.equal(found, drawn[3][1:]) for found in styles), "the generators'"
        assert not any(torch.equal(found, drawn[i][:1]) for found in styles for i in range(4))


class TestUpdates:
    def test_discriminators_first_and_each_step_moves_its_own(self) -> None:
        method, seen = INIT(TINY), []
        before = {name: [p.clone() for p in parameters(method, name)] for name in ("discriminator", "generator")}
        for update, _ in perform(method, tiny_batch()):
            seen.append(update.optimizer)
            for name, values in before.items():
                now = parameters(method, name)
                assert any(not torch.equal(p, q) for p, q in zip(now, values, strict=True)) == (name in seen)
        assert seen == ["discriminator", "generator"]

    def test_no_gradients_for_what_is_not_trained(self) -> None:
        method = INIT(dataclasses.replace(TINY, share_instance_encoder=False))
        updates = method.updates(tiny_batch(), 0)
        next(updates).loss.backward()
        assert all(p.grad is None for p in parameters(method, "generator"))
        assert all(p.grad is not None and p.grad.any() for p in parameters(method, "discriminator"))
        method.zero_grad()
        next(updates).loss.backward()
        assert all(p.grad is None for p in parameters(method, "discriminator"))
        assert all(p.grad is not None for p in parameters(method, "generator"))
        assert all(p.requires_grad for p in method.parameters())

    @pytest.mark.parametrize("shared", [True, False])
    def test_in_low_precision_too_all_decodings_have_gradients(self, shared: bool) -> None:
        """Autocast keeps a weight's cast for the rest of its block, without gradients if it was made without."""
        method, batch = INIT(dataclasses.replace(TINY, share_instance_encoder=shared)), tiny_batch()
        assert batch.target is not None
        a, b = View(method.generator_a, batch.source), View(method.generator_b, batch.target)
        with torch.autocast("cpu", torch.bfloat16):
            instances, styles = method.instances(a, b, batch), method.drawn_styles(batch)
            method.instance_discriminator_losses(*instances, *styles)
            method.discriminator_losses(a, b, *styles)
        for one in instances:
            assert one is not None
            weights = [p for p in one.view.generator.decoder.parameters() if p.dim() > 1]
            for gradient in torch.autograd.grad(one.in_coarser_styles.pictures.float().square().sum(), weights):
                assert gradient.any()
        with torch.autocast("cpu", torch.bfloat16):
            assert all(torch.isfinite(update.loss) for update in method.updates(batch, 0))

    @pytest.mark.parametrize("of_sources", [((), ()), ((OBJECT,), ())])
    def test_domains_without_instances(self, of_sources: Sequence[Sequence[list[float]]]) -> None:
        method = INIT(TINY)
        for update in method.updates(tiny_batch(of_sources, ((), ())), 0):
            assert torch.isfinite(update.loss)
            torch.autograd.backward(update.loss, inputs=parameters(method, update.optimizer))
        reached = {name for name, p in method.named_parameters() if p.grad is not None}
        judges = {f"instance_discriminator_{domain}" for domain in "ab"}
        seen = {judge for judge in judges if any(name.startswith(judge) for name in reached)}
        assert seen == (judges if any(of_sources) else set())

    def test_a_steps_arithmetic_is_within_the_sheets_estimate(self) -> None:
        """1.4 to 1.7 of MUNIT's, with the cycle and at 256x256."""
        counts = []
        with torch.device("meta"):
            methods = MUNIT(MUNITConfig(recon_x_cyc_weight=10.0)), INIT(INITConfig())
            pictures = torch.empty(2, 1, 3, 256, 256)
        boxes = (torch.tensor([[10.0, 20, 90, 80, 0]]),)
        for method in methods:
            with FlopCounterMode(display=False) as counter:
                batch = Batch(("a",), *pictures, boxes=boxes, target_boxes=boxes)
                list(perform(method, batch, stepping=False))
            counts.append(counter.get_total_flops())
        assert counts[1] / counts[0] == pytest.approx(1.495, abs=0.001)


class TestOptimizers:
    def test_adams(self) -> None:
        method = INIT(dataclasses.replace(TINY, share_instance_encoder=False))
        for name, optimizer in method.optimizers().items():
            assert type(optimizer) is torch.optim.Adam
            (group,) = optimizer.param_groups
            assert (group["lr"], group["betas"], group["weight_decay"]) == (1e-4, (0.5, 0.999), 1e-4)
            assert {id(p) for p in group["params"]} == {id(p) for p in parameters(method, name)}
        assert list(method.optimizers()) == ["discriminator", "generator"]

    @pytest.mark.parametrize(("fraction", "rate"), [(0, 1e-4), (0.0999, 1e-4), (0.1, 5e-5), (0.55, 1e-4 / 32)])
    def test_rates(self, fraction: float, rate: float) -> None:
        method = INIT(TINY)
        for optimizer in ("discriminator", "generator"):
            assert 1e-4 * method.learning_rate(optimizer, 0, fraction) == pytest.approx(rate)


class TestTranslation:
    @pytest.mark.parametrize(("direction", "ours", "theirs"), [("forward", "a", "b"), ("backward", "b", "a")])
    @pytest.mark.parametrize("style", ["sampled", "exemplar"])
    @pytest.mark.parametrize("shared", [True, False])
    def test_decodes_whole_pictures_in_the_other_domain_without_boxes(
        self, direction: str, ours: str, theirs: str, style: str, shared: bool
    ) -> None:
        method = INIT(dataclasses.replace(TINY, direction=direction, style=style, share_instance_encoder=shared))  # type: ignore[arg-type]
        full = tiny_batch()
        batch = Batch(full.names, full.source, exemplars=(full.target,))
        source, target = method.get_submodule(f"generator_{ours}"), method.get_submodule(f"generator_{theirs}")
        styles = style_codes(batch.names, 3, 5, 2) if style == "sampled" else target.style(*batch.exemplars)
        found = method.translate(batch, seed=5, sample=2)
        torch.testing.assert_close(found, target.decode(source.content(batch.source), styles))
        assert not found.requires_grad

    def test_synchronized_gives_all_sources_the_style_of_their_sample(self) -> None:
        batch = tiny_batch()
        batch = dataclasses.replace(batch, source=batch.source[:1].expand(2, -1, -1, -1))
        for synchronized in (True, False):
            method = INIT(dataclasses.replace(TINY, synchronized=synchronized))
            first, second = method.translate(batch, seed=0)
            assert torch.equal(first, second) == synchronized
            assert not torch.equal(first, method.translate(batch, seed=0, sample=1)[0])

    def test_leaves_the_global_generator_alone(self) -> None:
        method, state = INIT(TINY), torch.get_rng_state()
        method.translate(tiny_batch(), seed=0)
        assert torch.equal(state, torch.get_rng_state())


class TestConfig:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("objective", "nsgan"),
            ("style", "mean"),
            ("direction", "both"),
            ("dim", 0),
            ("scales", 0),
            ("instance_scales", 0),
            ("least_side", 0),
            ("crop", -1),
            ("recon_c_weight", -1.0),
            ("instance_recon_c_weight", -1.0),
            ("background_weight", -1.0),
            ("gan_weight", 0),
            ("lr", 0.0),
            ("beta2", 1.0),
            ("instance_size", 122),
            ("instance_size", 60),
        ],
    )
    def test_refuses_naming_the_field_and_what_was_found(self, field: str, value: object) -> None:
        with pytest.raises(ValueError, match=f"{field} must .*found .?{value}"):
            INITConfig(**{field: value})  # type: ignore[arg-type]

    def test_refuses_to_learn_nothing_of_whole_pictures(self) -> None:
        weights = dict.fromkeys((f"{name}_weight" for name in WHOLE), 0.0) | {"instance_gan_weight": 0.0}
        with pytest.raises(ValueError, match="must be positive, found 0"):
            INITConfig(**weights)  # type: ignore[arg-type]

    def test_the_size_of_instances_is_free_where_there_are_none(self) -> None:
        INITConfig(instance_size=1, **NO_INSTANCES)  # type: ignore[arg-type]
