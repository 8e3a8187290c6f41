"""Where settings come from: `config.yaml` below environment variables.

Every setting has a default, so a file is optional.
"""

import os
import re
import types
import typing
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec

from pipelines import rules
from pipelines.errors import ConfigError
from pipelines.keys import PRIVACY_KEY
from pipelines.rules import KINDS, shown
from pipelines.settings import FORMS, Frozen, Settings, Warehouse, as_path

FILE_NAME = "config.yaml"
PREFIX = "CHECKOUTS_"
OTHER_VARIABLES = (PRIVACY_KEY,)
"""Variables with our prefix that are no settings."""


def load(path: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Return the settings of a file and the environment above it.

    Args:
        path: the file; without it `config.yaml` is looked for from the working directory upward.
        environ: the environment; the process's own by default.

    Raises:
        ConfigError: a file that can't be read, an unknown key, a value that doesn't fit, or no
            working directory to begin at.
    """
    environ = os.environ if environ is None else environ
    file = path if path is not None else _find(_here())
    tree = _read(file) if file is not None else {}
    for name, value in environ.items():
        if name.startswith(PREFIX) and name not in OTHER_VARIABLES:
            _override(tree, name, value)
    try:
        settings = msgspec.convert(tree, Settings, dec_hook=as_path)
    except msgspec.ValidationError as error:
        raise ConfigError(_explain(str(error), tree, file), file=_name(file)) from None
    except UnicodeEncodeError:
        raise ConfigError(f"{file}: a text in it is not Unicode", file=_name(file)) from None
    base = file.absolute().parent if file is not None else _here()
    settings = _absolute(settings, base, file)
    _check(settings, environ)
    return settings


def _here() -> Path:
    try:
        return Path.cwd()
    except OSError as error:
        raise ConfigError(
            f"the working directory can't be used ({error.strerror}); change to one that is there,"
            " or name the settings with --config and their whole path"
        ) from None


def _find(folder: Path) -> Path | None:
    for candidate in (folder, *folder.parents):
        with suppress(PermissionError):  # a folder that this user may not enter has none for it
            if (candidate / FILE_NAME).is_file():
                return candidate / FILE_NAME
    return None


def _name(file: Path | None) -> str | None:
    return str(file) if file is not None else None


def _read(file: Path) -> dict[str, Any]:
    import yaml  # noqa: PLC0415 -- a fifth of the start-up, and often there is no file

    class Loader(yaml.SafeLoader):
        """Leaves a date as the text that it is, and takes no key twice: one would be lost."""

        def compose_mapping_node(self, anchor: Any) -> Any:
            node = super().compose_mapping_node(anchor)
            seen = set()
            for key, _ in node.value:
                name = (key.tag, str(key.value))
                if name in seen:
                    raise ConfigError(
                        f"{file}: {shown(key.value)} is there twice, again in line"
                        f" {key.start_mark.line + 1}; put what belongs to it in one place",
                        file=str(file),
                    )
                seen.add(name)
            return node

    Loader.yaml_implicit_resolvers = {
        first: [(tag, form) for tag, form in forms if not tag.endswith(":timestamp")]
        for first, forms in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    try:
        tree = yaml.load(file.read_text(encoding="utf-8"), Loader)  # noqa: S506 -- a safe one
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", file=str(file)) from None
    except UnicodeDecodeError:
        raise ConfigError(f"{file}: it is not UTF-8 text", file=str(file)) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1})" if mark else ""
        raise ConfigError(f"{file}: it is not valid YAML{where}", file=str(file)) from None
    if tree is None:
        return {}
    if not isinstance(tree, dict) or "file" in tree:
        what = "unknown key 'file'" if isinstance(tree, dict) else "it must hold keys and values"
        raise ConfigError(f"{file}: {what}", file=str(file))
    # What is left empty (`publish:`) means its default.
    known = Settings.__struct_fields__
    return {key: value for key, value in tree.items() if value is not None or key not in known}


def _override(tree: dict[str, Any], name: str, value: str) -> None:
    path = name.removeprefix(PREFIX).lower().split("__")
    hints = typing.get_type_hints(Settings, include_extras=True)
    kind = hints.get(path[0])
    if len(path) == 2 and isinstance(kind, type) and issubclass(kind, Frozen):  # noqa: PLR2004 -- section and key
        kind = typing.get_type_hints(kind, include_extras=True).get(path[1])
        section = tree.setdefault(path[0], {})
    elif len(path) == 1 and kind is str:
        section = tree
    else:
        kind = None
    if kind is None:
        raise ConfigError(f"the environment variable {name} names no setting", key=name)
    if isinstance(section, dict):
        section[path[-1]] = _from_text(value, kind, name)


def _from_text(value: str, kind: Any, name: str) -> Any:
    """Read an environment variable as the type that its setting has."""
    if not value.isascii() and value.encode(errors="replace").decode() != value:
        raise ConfigError(f"{name}: expected UTF-8 text, got {shown(value)}", key=name)
    if typing.get_origin(kind) in (typing.Union, types.UnionType) and value in ("", "null"):
        return None
    if typing.get_origin(kind) is tuple:
        return [part.strip() for part in value.split(",") if part.strip()]
    try:
        # strict=False reads numbers and booleans from text, as a variable has nothing else.
        read = msgspec.convert(value, kind, strict=False, dec_hook=as_path)
        return value if isinstance(read, Path) else read
    except msgspec.ValidationError as error:
        raise ConfigError(f"{name}: {_plain(str(error))}, got {shown(value)}", key=name) from None


def _plain(message: str) -> str:
    """Turn msgspec's words into ours: `Expected `float`, got `str`` -> expected a number."""
    message = re.sub(r" - at `.*`$", "", message)
    message = re.sub(r", got `.*`$", "", message)
    for pattern, words in FORMS.items():
        message = message.replace(f"`str` matching regex {pattern!r}", words)
    message = re.sub(r"`([^`]*)`", lambda m: _kinds(m.group(1)), message)
    return message[0].lower() + message[1:]


def _kinds(names: str) -> str:
    return " or ".join(KINDS.get(name, name) for name in names.split(" | "))


def _explain(message: str, tree: Mapping[str, Any], file: Path | None) -> str:
    """Turn msgspec's message into: file, key, what was expected, what was found."""
    place = re.search(r" - at `(key` in `)?\$\.?([^`]*)`\Z", message)
    path = place[2] if place else ""
    unknown = re.match(r"Object contains unknown field `(.*?)`( - at |\Z)", message, re.DOTALL)
    if unknown:
        return _unknown(file, path, unknown[1])
    missing = re.match(r"Object missing required field `(\w+)`", message)
    if missing:
        return f"{file}: {path}: the key {missing[1]!r} is missing"
    found: Any = tree
    for part in re.findall(r"[^.\[\]]+", path):
        found = found[int(part)] if isinstance(found, list) else found[part]
    if place and place[1]:  # a key that is no text, as 1: or true:
        return _unknown(file, path, next(key for key in found if not isinstance(key, str)))
    return f"{file or 'settings'}: {path}: {_plain(message)}, got {shown(found)}"


def _unknown(file: Path | None, path: str, name: object) -> str:
    key = f"{path}.{name}" if path else str(name)
    return f"{file}: unknown key {key!r}; the README lists all settings"


def _absolute(settings: Settings, base: Path, file: Path | None) -> Settings:
    replace = msgspec.structs.replace

    def resolved(path: Path | None) -> Path | None:
        return base / path if path is not None else None

    return replace(
        settings,
        file=file.absolute() if file is not None else None,
        stripe=replace(settings.stripe, base_url=settings.stripe.base_url.rstrip("/")),
        warehouse=_located(settings.warehouse, base),
        publish=replace(
            settings.publish,
            path=resolved(settings.publish.path),
            parquet=resolved(settings.publish.parquet),
        ),
    )


def _located(warehouse: Warehouse, base: Path) -> Warehouse:
    """Make a file's path absolute, and that of a lake's data where it is no URL."""
    path, data_path = warehouse.path, warehouse.data_path
    if warehouse.catalog is None:
        path = base / path
    if data_path is not None and "://" not in data_path:
        data_path = f"{base / data_path}/"  # with a slash at its end, as DuckLake notes it down
    return msgspec.structs.replace(warehouse, path=path, data_path=data_path)


def _check(settings: Settings, environ: Mapping[str, str]) -> None:
    def refuse(key: str, message: str) -> typing.NoReturn:
        variable = PREFIX + key.upper().replace(".", "__")
        origin = variable if variable in environ else f"{settings.file or 'settings'}: {key}"
        raise ConfigError(f"{origin}: {message}", key=key, file=_name(settings.file))

    rules.check(settings, refuse)
