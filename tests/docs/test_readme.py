"""The README says what the program does: its commands, options, settings, tables."""

import re
import subprocess
import sys
import typing
from pathlib import Path

import click
import msgspec
import pytest
import yaml

from pipelines import config
from pipelines.cli import cli
from pipelines.queries import FOLDER, names
from pipelines.schema import TABLES
from pipelines.settings import Frozen, Settings

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def settings() -> dict[str, object]:
    """Every setting's dotted key with its default."""
    found: dict[str, object] = {}
    for name, kind in typing.get_type_hints(Settings).items():
        default = getattr(Settings(), name)
        if isinstance(kind, type) and issubclass(kind, Frozen):
            found |= {
                f"{name}.{key}": value for key, value in msgspec.structs.asdict(default).items()
            }
        elif name != "file":
            found[name] = default
    return found


def test_every_command_is_in_the_table_of_commands() -> None:
    documented = set(re.findall(r"^\| `checkouts (\w+)", README, re.MULTILINE))
    assert documented == set(cli.commands)


@pytest.mark.parametrize("name", sorted(cli.commands))
def test_every_option_in_a_commands_row_is_one_of_its_options(name: str) -> None:
    (row,) = re.findall(rf"^\| `checkouts {name}\b.*$", README, re.MULTILINE)
    command = cli.commands[name]
    options = {option for p in command.params if isinstance(p, click.Option) for option in p.opts}
    assert set(re.findall(r"(?<![\w-])--?[a-z][a-z-]*", row)) <= options


def test_every_option_shown_anywhere_exists() -> None:
    known = {
        option
        for command in cli.commands.values()
        for parameter in command.params
        for option in parameter.opts
    } | {"--help"}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", README)) <= known


def test_every_list_filter_is_documented() -> None:
    (row,) = re.findall(r"^\| `checkouts list`.*$", README, re.MULTILINE)
    options = {p.opts[0] for p in cli.commands["list"].params if isinstance(p, click.Option)}
    assert options - {"--account", "--json", "--config", "--debug"} <= set(
        re.findall(r"--[a-z-]+", row)
    )


@pytest.mark.parametrize(("key", "default"), settings().items())
def test_every_setting_is_documented_with_its_default(key: str, default: object) -> None:
    match = re.search(rf"^\| `{re.escape(key)}` \| `(.*?)` \|", README, re.MULTILINE)
    assert match is not None, f"{key} is not in the README's table of settings"
    shown = yaml.safe_load(match.group(1)) if match.group(1)[0] not in "*h" else match.group(1)
    if default == ():
        assert shown == []
    else:
        assert str(shown) == str(default) or shown == default


def test_no_setting_is_documented_that_does_not_exist() -> None:
    table = README.split("| key | default | meaning |")[1].split("\n\n")[0]
    assert set(re.findall(r"^\| `([a-z_.]+)` \|", table, re.MULTILINE)) == set(settings())


def test_the_config_file_of_the_project_holds_defaults_alone() -> None:
    loaded = config.load(ROOT / "config.yaml", {})
    defaults = config.load(None, {})
    for section in ("stripe", "sync", "timezone", "accounts"):
        assert getattr(loaded, section) == getattr(defaults, section)
    assert loaded.warehouse.path == ROOT / "data/checkouts.duckdb"


def test_every_table_is_documented() -> None:
    made = set(
        re.findall(r"create table if not exists ([\w.]+)", (FOLDER / "ddl/meta.sql").read_text())
    )
    documented = set(re.findall(r"^\| `((?:meta\.)?[a-z_]+)` \|", README, re.MULTILINE))
    assert made | {table.name for table in TABLES} <= documented


def test_every_mart_is_documented_and_no_other() -> None:
    documented = re.findall(r"^\| `marts\.([a-z_]+)` \|", README, re.MULTILINE)
    assert sorted(documented) == names("marts")


def test_every_column_has_a_comment_that_says_its_unit_where_it_is_an_amount() -> None:
    for table in TABLES:
        for column in table.columns:
            assert column.comment.strip()
            if column.kind.name == "MINOR":
                assert "minor unit" in column.comment or "currency" in column.comment


def test_help_of_every_command_answers() -> None:
    for name in ["", *cli.commands]:
        command = [sys.executable, "-m", "pipelines", *([name] if name else []), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        assert done.returncode == 0
        assert done.stdout.startswith("Usage: checkouts")


def test_help_does_not_load_what_it_does_not_use() -> None:
    code = (
        "import sys\n"
        "from pipelines.cli import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit:\n    pass\n"
        "heavy = {'prefect', 'duckdb', 'pyarrow', 'httpx', 'rich', 'msgspec'} & set(sys.modules)\n"
        "sys.exit(','.join(sorted(heavy)) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
