"""`sql`: questions to the warehouse."""

from pathlib import Path
from typing import Any

import click

from pipelines.commands.options import check_output, common, settings_of
from pipelines.errors import UsageError


@click.command()
@click.argument("text", required=False, metavar="[SQL]")
@click.option("-f", "--file", type=click.File("rb"), metavar="FILE", help="SQL file.")
@click.option("-q", "--query", "name", metavar="NAME", help="A named query.")
@click.option("--param", "params", multiple=True, metavar="K=V", help="Value for $K; repeatable.")
@click.option(
    "--format", "format_", type=click.Choice(["table", "csv", "json"]), help="How to print."
)
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Write to a file; its ending decides: .csv, .json, .parquet.",
)
@click.option(
    "--unsafe", is_flag=True, help="Let the SQL write, and reach files, databases and extensions."
)
@common
def sql(
    *,
    text: str | None,
    file: Any,
    name: str | None,
    params: tuple[str, ...],
    format_: str | None,
    output: Path | None,
    unsafe: bool,
    config_file: Path | None,
    debug: bool,
) -> None:
    """Ask the warehouse in SQL, read-only by default; without arguments, list the named queries."""
    from pipelines import answers, cells, display

    settings = settings_of(config_file, debug=debug)
    if sum(given is not None for given in (text, file, name)) > 1:
        raise UsageError("give SQL, -f FILE or -q NAME, only one of them")
    if file is None and text is None and name is None:
        for query in answers.named():
            display.say(f"{query:<26} {answers.title(query)}")
        return
    if output is not None:
        check_output(settings, output)
    statement = answers.statement(text, answers.text_of(file) if file else None, name)
    answer = answers.ask(settings, statement, answers.parameters(params), unsafe=unsafe)
    if output is not None:
        display.write_file(output, answers.encode(answer, output, format_))
        display.show_written(answer.num_rows, output)
        return
    if format_ == "csv":
        display.say(cells.to_csv(answers.rows(answer), answer.column_names), end="")
    elif format_ == "json":
        display.say(cells.as_json(answers.objects(answer)))
    else:
        display.show_rows(answers.rows(answer), answer.column_names)
