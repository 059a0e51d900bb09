"""The command line. Each verb parses, calls the API and prints; whatever is heavy is imported inside its verb."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from i2ibench import cli_compare, cli_data, cli_pose, cli_train, cli_weights
from i2ibench import options as o
from i2ibench.errors import BenchError, nearest

if TYPE_CHECKING:
    from i2ibench.boards.table import Board

app = typer.Typer(
    name="i2ibench",
    help=(
        "Trains image-to-image translation methods under equal budgets, scores them under one protocol, and writes "
        "leaderboards.\n\nStart with: i2ibench run quick"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(cli_data.app, name="data")
app.add_typer(cli_weights.weights, name="weights")
app.add_typer(cli_weights.segmenter, name="segmenter")
app.add_typer(cli_pose.app, name="pose")

_debug = False


def main() -> None:
    """Run the command line; what the user can mend is told in a paragraph, with exit code 2."""
    try:
        app()
    except BenchError as error:
        if _debug:
            raise
        from i2ibench import console

        console.fail(error)
        sys.exit(2)


@app.callback()
def _main(
    debug: Annotated[
        bool, typer.Option("--debug", help="Show tracebacks of errors that are told in a sentence otherwise.")
    ] = False,
) -> None:
    global _debug
    _debug = debug


@app.command(rich_help_panel="Benchmark")
def run(
    suite: Annotated[str, typer.Argument(help="A suite's name (i2ibench list suites) or a .toml file.")],
    out: o.Out = Path("runs"),
    device: o.Device = None,
    seed: o.Seeds = None,
    limit: o.Limit = None,
    rescore: o.Rescore = False,
) -> None:
    """Run a suite and write its leaderboard.

    Trains, translates and scores every method on every task with every seed, then puts them on boards.
    Run the same command again to go on after a stop: what is done is kept, what was cut short continues from its last
    checkpoint. Writes OUT/SUITE/board.md and board.csv beside the run folders.
    """
    from i2ibench import console
    from i2ibench.suite import SuiteRun, read_suite
    from i2ibench.training.precision import device as find_device

    asked = read_suite(suite)
    folder = out / asked.name
    performed = SuiteRun(asked, folder, find_device(device), console.Bars(), tuple(seed or ()) or None, limit)
    for one in _write_board(performed.perform(rescore), folder, apart=True):
        if one.mixed:
            told = f"columns stand apart on {one.task} at {one.resolution}: {one.mixed}; --rescore scores all under one"
            console.out.print(told, highlight=False, markup=False)
    console.out.print(f"pictures side by side: {folder}/*--samples.png", highlight=False)


app.command(rich_help_panel="One run")(cli_train.train)
app.command(rich_help_panel="One run")(cli_train.pretrain)


@app.command(rich_help_panel="One run")
def translate(
    run_folder: Annotated[Path, typer.Argument(help="A folder that `train` or `run` made.", metavar="RUN")],
    pictures: Annotated[
        Path | None,
        typer.Option("--pictures", help="Translate this folder of pictures instead of the task's test split."),
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="Where translations of --pictures go.")] = None,
    exemplar: Annotated[
        Path | None,
        typer.Option(
            "--exemplar",
            help="A picture whose style translations of --pictures take, or a folder whose pictures they take in turn; "
            "for methods that take one, or several. By default they are drawn from the run's training targets.",
            show_default=False,
        ),
    ] = None,
    class_name: Annotated[
        str | None,
        typer.Option(
            "--class",
            help="The class to translate --pictures to, for methods of several (i2ibench show TASK lists them).",
            show_default=False,
        ),
    ] = None,
    content: Annotated[
        Path | None,
        typer.Option("--content", help="Move the content of this target to each of --pictures, instead of sampling."),
    ] = None,
    content_source: Annotated[
        Path | None, typer.Option("--content-source", help="The source that --content belongs to.")
    ] = None,
    instances: Annotated[
        Path | None,
        typer.Option(
            "--instances",
            help="Instance ids of --pictures, for methods that read them: a folder of PNG files of the same names, one "
            "channel of 8 or 16 bits. Without it each class counts as one object.",
            show_default=False,
        ),
    ] = None,
    first: Annotated[
        Path | None,
        typer.Option(
            "--first",
            help="Translations of the first of --pictures, of the same names, that a method of sequences goes on from: "
            "real ones or another method's. By default it makes its own.",
            show_default=False,
        ),
    ] = None,
    fit: Annotated[
        Literal["stretch", "cover"] | None,
        typer.Option(
            "--fit",
            help="How pictures of another size are brought to the run's: stretch both sides, or cover it with the "
            "shorter one and keep the middle.",
            show_default=False,
        ),
    ] = None,
    samples: Annotated[
        int, typer.Option("--samples", min=1, help="Samples of each of --pictures; further ones go to TO/01, TO/02...")
    ] = 1,
    set_: o.Set = None,
    seed: o.Seed = 0,
    device: o.Device = None,
) -> None:
    """Translate pictures with a trained run.

    Those of the task's test split, or with --pictures any folder's; for methods that read labels, label pictures in the
    colours of the task's classes, say edited ones; for methods of sequences, the frames of one. --set takes the fields
    that only translation reads, say a temperature; --exemplar the picture whose style they take; --class the class
    they shall be of; --content the picture whose content they take; --first the first frames.
    """
    from i2ibench import console
    from i2ibench.own_pictures import Wishes, translate_folder
    from i2ibench.run import find
    from i2ibench.task import Fit
    from i2ibench.training.precision import device as find_device

    one = find(run_folder, find_device(device), console.Bars())
    if pictures is None:
        options = {
            "--set": set_,
            "--exemplar": exemplar,
            "--class": class_name,
            "--content": content,
            "--instances": instances,
            "--first": first,
            "--fit": fit,
            "--samples": samples > 1,
        }
        for option in [name for name, given in options.items() if given]:
            raise BenchError(
                f"{option} changes a run's own translations, which its spec fixes: give --pictures and --to with it"
            )
        one.perform("translate")
        console.out.print(f"translations: {one.folder.translations}", highlight=False)
        return
    if to is None:
        raise BenchError("--pictures needs --to, the folder for its translations")
    if (content is None) != (content_source is None):
        raise BenchError("--content and --content-source belong together: a target and the source that it is of")
    moved = None if content is None or content_source is None else (content_source, content)
    wishes = Wishes(
        overrides=o.pairs(set_),
        seed=seed,
        samples=samples,
        exemplar=exemplar,
        class_name=class_name,
        content=moved,
        instances=instances,
        first=first,
        fit=None if fit is None else Fit(fit),
    )
    count = translate_folder(one, pictures, to, wishes)
    console.out.print(f"{count} translations: {to}", highlight=False)


@app.command(rich_help_panel="Score")
def evaluate(
    run_folder: Annotated[
        Path | None, typer.Argument(help="A folder that `train` or `run` made.", metavar="[RUN]", show_default=False)
    ] = None,
    task: Annotated[
        str | None, typer.Option("--task", help="The task that --pictures are translations of.", show_default=False)
    ] = None,
    pictures: Annotated[
        Path | None,
        typer.Option(
            "--pictures", help="8-bit RGB PNG files, one for each of the task's test sources, named as it is."
        ),
    ] = None,
    name: Annotated[
        str | None, typer.Option("--name", help="The pictures' row on boards, by default 'yours'.", show_default=False)
    ] = None,
    samples: Annotated[
        Path | None,
        typer.Option(
            "--samples", help="Folder of folders 01, 02... with further samples of the sources, for diversity."
        ),
    ] = None,
    resolution: o.Resolution = None,
    metrics: o.Metrics = None,
    reference: o.Reference = "test",
    out: o.Out = Path("runs"),
    device: o.Device = None,
    limit: o.Limit = None,
    rescore: o.Rescore = False,
    json: o.Json = False,
) -> None:
    """Score a run, or with --task and --pictures anybody's pictures.

    Names, sizes and formats of all pictures are checked before anything is scored. Scores of pictures go to
    OUT/evaluate/..., where `i2ibench board` finds them.

    Several processes share the work and give the same numbers: torchrun --nproc-per-node K -m i2ibench evaluate ...
    """
    from i2ibench import console
    from i2ibench.distributed import started
    from i2ibench.foreign import score_folder
    from i2ibench.registry import task as find_task
    from i2ibench.run import find
    from i2ibench.suite import fetch_weights
    from i2ibench.training.precision import device as find_device

    with started() as ranks:
        if ranks.rank > 0:
            ranks.serve()
            return
        if reference not in ("test", "train"):
            raise BenchError(f"--reference {reference!r} is none: {nearest(reference, ('test', 'train'))}")
        where, progress = find_device(device), console.Bars()
        if run_folder is not None:
            of_pictures = {"task": task, "pictures": pictures, "name": name, "samples": samples}
            for option, given in {**of_pictures, "resolution": resolution, "limit": limit}.items():
                if given is not None:
                    raise BenchError(f"--{option} does not go with a run, whose folder says what it is: leave it out")
            one = find(run_folder, where, progress)
            one.metrics, one.reference, one.ranks = metrics, reference, ranks
            fetch_weights(list(metrics or one.task.metrics), progress)
            one.perform(rescore=rescore or metrics is not None or reference != "test")
            result = one.folder.result()
        else:
            if task is None or pictures is None:
                raise BenchError("nothing to score: give a run's folder, or --task TASK and --pictures FOLDER")
            fetch_weights(list(metrics or find_task(task).metrics), progress)
            result = score_folder(
                task,
                pictures,
                name=name or "yours",
                resolution=resolution,
                metrics=metrics,
                reference=reference,
                samples=samples,
                out=out / "evaluate",
                device=where,
                limit=limit,
                progress=progress,
                ranks=ranks,
            )
        console.show_scores(result, json)


@app.command(rich_help_panel="Benchmark")
def board(
    results: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders to look for scores in, and CSV files of boards.", show_default="runs"),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", help="Write board.md and board.csv into this folder.")] = None,
    apart: Annotated[
        bool, typer.Option("--apart", help="Show scores of different protocols in columns of their own.")
    ] = False,
    json: o.Json = False,
) -> None:
    """Put scores on leaderboards.

    One for each task and resolution, of every scores.json in or under the given folders and of every row of the given
    CSV files: published boards grow by what was run since, on any machine. Scores of one name that follow different
    protocols are refused, unless --apart.
    """
    from i2ibench import console
    from i2ibench.boards.gather import find_results

    found = find_results(results or [Path("runs")])
    if json:
        console.print_json([result.model_dump(mode="json") for result in found])
    else:
        _write_board(found, out, apart)


app.command(rich_help_panel="Benchmark")(cli_compare.compare)


@app.command(rich_help_panel="Benchmark")
def check(
    baseline: Annotated[Path, typer.Option("--baseline", help="A board's CSV to compare with.")],
    results: Annotated[
        list[Path] | None, typer.Argument(help="Folders to look for scores in.", show_default="runs")
    ] = None,
    method: Annotated[
        list[str] | None, typer.Option("--method", help="Compare only this method; repeat for several.")
    ] = None,
    k: Annotated[float, typer.Option("--k", help="Standard deviations that a score may move.")] = 3.0,
    update: Annotated[bool, typer.Option("--update", help="Write the baseline from the results instead.")] = False,
    json: o.Json = False,
) -> None:
    """Compare scores with a baseline, in CI.

    Exits with 1 on a regression beyond the spread, with 2 where they cannot be compared. The
    baseline is a board's CSV; --update writes it.
    """
    from i2ibench import console
    from i2ibench.boards import check as checking
    from i2ibench.boards.gather import find_results
    from i2ibench.boards.tidy import write

    found = find_results(results or [Path("runs")])
    if update:
        write(found, baseline)
        console.out.print(f"baseline: {baseline}", highlight=False)
        return
    report = checking.check(found, baseline, k=k, methods=method)
    if json:
        console.print_json(report.model_dump(mode="json"))
    else:
        console.out.print(checking.table(report))
    raise typer.Exit(1 if report.regressed else 0)


@app.command("list", rich_help_panel="Look")
def list_(
    kind: Annotated[str, typer.Argument(help="methods, tasks, layouts, metrics or suites")],
    needs: Annotated[
        str | None, typer.Option("--needs", help="Only tasks that give this: pairs, labels, instances...")
    ] = None,
    json: o.Json = False,
) -> None:
    """List methods, tasks, layouts, metrics or suites."""
    from i2ibench import console, listing

    kinds = {
        "methods": listing.methods,
        "tasks": lambda: listing.tasks(needs),
        "layouts": listing.layouts,
        "metrics": listing.metrics,
        "suites": listing.suites,
    }
    if kind not in kinds:
        raise BenchError(f"there is no list of {kind!r}: {nearest(kind, kinds)}")
    console.show_list(kinds[kind](), json)


@app.command(rich_help_panel="Look")
def show(
    name: Annotated[str, typer.Argument(help="A method, task, layout, metric or suite.")],
    task: Annotated[
        str | None,
        typer.Option(
            help="Count a method's parameters for this task; by default for Cityscapes' labels or AFHQ's classes."
        ),
    ] = None,
    preset: o.Preset = "paper",
    set_: o.Set = None,
    resolution: o.Resolution = None,
    json: o.Json = False,
) -> None:
    """Show a card.

    For a method also its config and every network's parameters, at no cost.
    """
    from i2ibench import console, listing

    console.show(listing.show(name, preset, o.pairs(set_), resolution, task), json)


@app.command(rich_help_panel="Look")
def doctor(json: o.Json = False) -> None:
    """Tell what works here.

    Device, versions, which weights are at hand, what is n/a without them and how to get it.
    """
    from i2ibench import console
    from i2ibench.doctor import report

    console.show(report(), json)


def _write_board(results: list[Any], folder: Path | None, apart: bool) -> list[Board]:
    """Print the boards of `results`, and write them to `folder` where one is given."""
    from i2ibench import console
    from i2ibench.boards import markdown, terminal, tidy
    from i2ibench.boards.table import board as make
    from i2ibench.store import written

    boards = make(results, apart=apart)
    for one in boards:
        console.out.print(terminal.table(one))
    if folder is not None:
        with written(folder / "board.md") as aside:
            aside.write_text(markdown.render(boards))
        tidy.write(results, folder / "board.csv")
        console.out.print(f"written: {folder / 'board.md'} and board.csv", highlight=False)
    return boards


if __name__ == "__main__":
    main()
