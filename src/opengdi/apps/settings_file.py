"""Settings from outside: a TOML file, then `GDI_SECTION__KEY` variables; what is wrong is said by path.

The one place that reads the environment.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final, Literal, get_args

from pydantic import ValidationError
from pydantic.fields import FieldInfo

from opengdi.apps.setting_types import ENVIRONMENT_PREFIX, Section
from opengdi.apps.settings import Settings
from opengdi.kernel.errors import Invalid

CONFIG_VARIABLE = "GDI_CONFIG"
DEFAULT_FILE = Path("gdi.toml")

NOT_SETTINGS = frozenset(
    {CONFIG_VARIABLE, "GDI_LOGIN_HUB", "GDI_LOGIN_STORE", "GDI_QUERY_AT", "GDI_QUERY_TOKEN"}
)
"""Variables with our prefix that are options of a command."""

Tree = dict[str, Any]
Place = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mistake:
    """One wrong setting: where it stands (`node.country`), where it came from, and what would be right."""

    path: str
    origin: str
    reason: str

    def __str__(self) -> str:
        return f"{self.path} ({self.origin}): {self.reason}"


class Misconfigured(Invalid):
    """Settings that cannot be used; `mistakes` holds all of them, not just the first."""

    def __init__(self, mistakes: list[Mistake]) -> None:
        super().__init__("the settings cannot be used:\n" + "\n".join(f"  {mistake}" for mistake in mistakes))
        self.mistakes = tuple(mistakes)


def load_settings(config: Path | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """The effective settings: `config`, or the file in GDI_CONFIG, or ./gdi.toml if it exists; then variables.

    Raises Misconfigured with every mistake, Invalid where the file cannot be read as TOML.
    """
    environ = os.environ if environ is None else environ
    file = settings_file(config, environ)
    tree = _read_toml(file) if file else {}
    origins = dict.fromkeys(_places(tree), str(file))
    for variable, place, value in _overrides(environ):
        origins |= dict.fromkeys(_put(tree, place, value, variable), variable)
    return _settings(tree, file.parent if file else Path.cwd(), origins)


def settings_with(section: str, options: Mapping[str, str]) -> Settings:
    """The defaults with `options` of a command in one section; paths stay relative. Raises Misconfigured."""
    origins: dict[Place, str] = {(section, name): f"--{name}" for name in options}
    return _settings({section: dict(options)}, Path(), origins)


def _settings(tree: Tree, base: Path, origins: Mapping[Place, str]) -> Settings:
    try:
        return Settings.model_validate(tree, context={"base": base})
    except ValidationError as error:
        raise Misconfigured(_mistakes(error, origins)) from None


def load_settings_of(part: Literal["node", "hub"], config: Path | None = None) -> Settings:
    """The effective settings of a node or a hub. Raises Invalid too where they describe the other one only."""
    settings = load_settings(config)
    other = "hub" if part == "node" else "node"
    if other in settings.model_fields_set and part not in settings.model_fields_set:
        raise Invalid(
            f"the settings are those of a {other}: they have no [{part}] section; `gdi {part} init` writes one"
        )
    return settings


def settings_file(config: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The TOML file in force, absolute, or None. Raises Invalid if the one that was named does not exist."""
    named = config or (Path(environ[CONFIG_VARIABLE]) if environ.get(CONFIG_VARIABLE) else None)
    if named is None:
        return DEFAULT_FILE.absolute() if DEFAULT_FILE.is_file() else None
    if not named.is_file():
        raise Invalid(f"there is no settings file {named}; `gdi node init` writes one")
    return named.absolute()


def _read_toml(file: Path) -> Tree:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Invalid(f"{file} is not TOML: {error}") from error


def _overrides(environ: Mapping[str, str]) -> Iterator[tuple[str, Place, Any]]:
    """(variable, place in the tree, value) of every `GDI_…` variable, in order of their names."""
    for variable in sorted(environ):
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in NOT_SETTINGS:
            names = variable.removeprefix(ENVIRONMENT_PREFIX).split("__")
            yield variable, _as_spelled(names), _value(environ[variable])


def _as_spelled(names: list[str]) -> Place:
    """The place that upper-case `names` mean, spelled as the fields are (`GRCh38`); unknown names in lower case."""
    model: type[Section] | None = Settings
    place: list[str] = []
    for name in names:
        known = {field.lower(): field for field in model.model_fields} if model else {}
        spelled = known.get(name.lower(), name.lower())
        model = section_in(model.model_fields[spelled]) if model and spelled in model.model_fields else None
        place.append(spelled)
    return tuple(place)


def _value(text: str) -> Any:
    """Lists and tables are written as JSON; everything else is text that the setting's type reads."""
    if text[:1] not in {"[", "{"}:
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def _put(tree: Tree, place: Place, value: Any, variable: str) -> list[Place]:
    """Set `value` at `place`; the places it fills. Raises Misconfigured if the way leads through a value."""
    inside: Any = tree
    for name in place[:-1]:
        inside = inside.setdefault(name, {})
        if not isinstance(inside, dict):
            reason = f"{name} is a value, it has no settings inside"
            raise Misconfigured([Mistake(".".join(place), variable, reason)])
    inside[place[-1]] = value
    return [place, *(place + inner for inner in _places(value))]


def _places(tree: Any) -> Iterator[Place]:
    if not isinstance(tree, dict):
        return
    for name, value in tree.items():
        yield (name,)
        yield from ((name, *inner) for inner in _places(value))


def _mistakes(error: ValidationError, origins: Mapping[Place, str]) -> list[Mistake]:
    found = []
    for item in error.errors(include_url=False, include_input=False):
        place = item.get("ctx", {}).get("place") or tuple(str(part) for part in item["loc"])
        found.append(
            Mistake(".".join(place), _origin(place, origins), _reason(item["type"], item["msg"], place))
        )
    return found


def _origin(place: Place, origins: Mapping[Place, str]) -> str:
    """Where the setting at `place` was written, or the nearest section around it, or the last one inside it."""
    for length in range(len(place), 0, -1):
        if place[:length] in origins:
            return origins[place[:length]]
    inside = [origin for other, origin in origins.items() if other[: len(place)] == place]
    return inside[-1] if inside else "default"


def _reason(kind: str, message: str, place: Place) -> str:
    if kind == "extra_forbidden":
        return _unknown(place)
    if kind == "model_type":
        return f"is a section: write [{'.'.join(place)}] and its keys below it"
    text = message.removeprefix("Value error, ").removeprefix("Input ")
    return text[0].lower() + text[1:]


GONE: Final = {
    ("access", "holders"): "`gdi key new` makes keys for programs that submit; visas open datasets to people",
    ("beacon", "tokens"): "`gdi key new --registered` makes keys for programs; people log in at the hub",
    ("hub", "tokens"): "`gdi key new --registered` makes keys for programs; people log in",
    (
        "hub",
        "member_tokens",
    ): "the hub signs what it asks of members, and each answers by the visas of who asks",
}
"""Settings of earlier versions, and what took their place."""


def _unknown(place: Place) -> str:
    """Sentence about a key that does not exist: what took its place, or the nearest one that does, or all of them."""
    if place in GONE:
        return f"is no setting any more: {GONE[place]}"
    model: type[Section] | None = Settings
    for name in place[:-1]:
        if not name.isdigit():  # the number of an item in a list of sections
            model = section_in(model.model_fields[name]) if model and name in model.model_fields else None
    known = sorted(model.model_fields) if model else []
    near = get_close_matches(place[-1], known, n=1)
    return (
        f"unknown key; did you mean {near[0]!r}?" if near else f"unknown key; known here: {', '.join(known)}"
    )


def section_in(field: FieldInfo) -> type[Section] | None:
    """The section that a field holds, or None for a plain value; the item's section for a list of sections."""
    for kind in (field.annotation, *get_args(field.annotation)):
        if isinstance(kind, type) and issubclass(kind, Section):
            return kind
    return None


# -- writing settings down -------------------------------------------------------------------------------------


def effective(section: Section) -> Tree:
    """The tree as plain JSON values; secrets are `***`."""
    return {name: _printable(value) for name, value in section.model_dump().items()}


def _printable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _printable(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [_printable(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else str(value)


def as_toml(section: Section, *, explained: bool = False, only: frozenset[str] | None = None) -> str:
    """The tree as TOML, secrets as `***`; `explained` puts each setting's description above it.

    A setting without a value is written as a comment. `only` names the top sections to write.
    """
    chosen = {name: value for name, value in _children(section) if only is None or name in only}
    return "\n".join(
        line for name, value in chosen.items() for line in _table(name, value, explained=explained)
    )


def _children(section: Section) -> Iterator[tuple[str, Section]]:
    for name in type(section).model_fields:
        value = getattr(section, name)
        if isinstance(value, Section):
            yield name, value


def _table(path: str, section: Section, *, explained: bool) -> Iterator[str]:
    if explained and section.__doc__:
        yield f"# {section.__doc__.splitlines()[0]}"
    yield f"[{path}]"
    values = effective(section)
    for name, field in type(section).model_fields.items():
        if isinstance(getattr(section, name), Section):
            continue
        if explained and field.description:
            yield f"# {field.description}"
        yield f"# {name} =" if values[name] is None else f"{name} = {toml_value(values[name])}"
    yield ""
    for name, inner in _children(section):
        yield from _table(f"{path}.{name}", inner, explained=explained)


def toml_value(value: Any) -> str:
    if isinstance(value, dict):
        inside = ", ".join(f"{json.dumps(key)} = {toml_value(item)}" for key, item in value.items())
        return f"{{ {inside} }}" if inside else "{}"
    if isinstance(value, list):
        return f"[{', '.join(toml_value(item) for item in value)}]"
    return json.dumps(value, ensure_ascii=False)
