"""Write docs/reference from the code, or with `--check` fail if what lies there is not what would be written."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import typer
from pydantic_core import PydanticUndefined

from opengdi.access.applications import rules as applications
from opengdi.access.cases import rules as cases
from opengdi.access.notices.rules import NOTICES
from opengdi.access.organisations import permitted as organisations
from opengdi.access.permits import rules as permits
from opengdi.apps.cli import COMMANDS, app
from opengdi.apps.exits import DEFECT, EXIT_CODES
from opengdi.apps.setting_types import ENVIRONMENT_PREFIX, SecretText, Section
from opengdi.apps.settings import Settings
from opengdi.apps.settings_file import section_in, toml_value
from opengdi.archive.rules import DATASET_TRANSITIONS, TRANSITIONS
from opengdi.kernel.errors import GdiError
from opengdi.kernel.http.faults import STATUS_OF

FOLDER = Path(__file__).parents[1] / "docs" / "reference"
HEAD = "<!-- Written by `make docs`; change the code instead. -->\n\n"


def settings_page() -> str:
    """Every setting with its variable, default and meaning."""
    head = (
        "# Settings\n\nA TOML file (`--config`, `GDI_CONFIG` or `./gdi.toml`), then variables. An unknown key is "
        "refused. `gdi config show` prints what is in force, `gdi config check` explains mistakes.\n"
    )
    return "\n".join((head, *_sections(Settings, ())))


def _sections(model: type[Section], path: tuple[str, ...]) -> Iterator[str]:
    if path:
        yield f"## `[{'.'.join(path)}]`\n\n{model.__doc__}\n"
        yield "| key | variable | default | meaning |\n| --- | --- | --- | --- |"
        yield "\n".join(
            _row(path, name, field) for name, field in model.model_fields.items() if not _inner(field)
        )
        yield ""
    for name, field in model.model_fields.items():
        inner = section_in(field)
        if inner is not None:
            yield from _sections(inner, (*path, name))


def _inner(field: Any) -> bool:
    return isinstance(field.annotation, type) and issubclass(field.annotation, Section)


def _row(path: tuple[str, ...], name: str, field: Any) -> str:
    variable = ENVIRONMENT_PREFIX + "__".join((*path, name)).upper()
    default = _default(field.get_default(call_default_factory=True))
    return f"| `{name}` | `{variable}` | {default} | {field.description} |"


def _default(value: Any) -> str:
    if value is PydanticUndefined:
        return "needed"
    return "" if value is None else f"`{toml_value(_plain(value))}`"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path | SecretText) else value


def commands_page() -> str:
    """Every command with its arguments and options."""
    root = typer.main.get_command(app)
    context = typer.Context(root, info_name="gdi")
    entries = ("\n".join(_command(f"gdi {name}", root.get_command(context, name))) for name in COMMANDS)
    return "# Commands\n\n" + "\n".join(entries)


def _command(path: str, command: Any) -> Iterator[str]:
    yield f"## `{path}`\n\n{_words(command.help)}\n"
    options = [parameter for parameter in command.params if parameter.name != "help" and not parameter.hidden]
    if options:
        yield "| argument or option | default | meaning |\n| --- | --- | --- |"
        yield "\n".join(_option(option) for option in options)
        yield ""
    for name, inner in sorted(getattr(command, "commands", {}).items()):
        yield from _command(f"{path} {name}", inner)


def _option(option: Any) -> str:
    is_option = option.param_type_name == "option"
    name = ", ".join((*option.opts, *option.secondary_opts)) if is_option else option.name.upper()
    default = option.default
    shown = (
        "needed"
        if option.required
        else ""
        if default in (None, False, "", ()) or callable(default)
        else f"`{default}`"
    )
    return f"| `{name}` | {shown} | {_words(option.help)} |"


def _words(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


def errors_page() -> str:
    """Every kind of error with its HTTP status and its exit code."""
    rows = [
        f"| {kind.__name__} | {status.value} {status.phrase} | {_exit_code(kind)} | {_words(kind.__doc__)} |"
        for kind, status in STATUS_OF.items()
    ]
    rows.append(f"| anything else | 500 Internal Server Error | {DEFECT} | A defect of ours. |")
    head = "| kind | HTTP | exit code of `gdi` | what the caller can do about it |\n| --- | --- | --- | --- |"
    return "\n".join(("# Errors\n", head, *rows, ""))


def _exit_code(kind: type[GdiError]) -> int:
    return next(code for known, code in EXIT_CODES.items() if issubclass(kind, known))


def states_page() -> str:
    """Which state of an archived file may follow which, and by what act."""
    head = "| act | from | to |\n| --- | --- | --- |"
    rows = [
        f"| {act} | {', '.join(str(state or '–') for state in steps)} | {', '.join(sorted(set(steps.values())))} |"
        for act, steps in TRANSITIONS.items()
    ]
    datasets = [
        f"| {state} | {', '.join(sorted(following)) or '–'} |"
        for state, following in DATASET_TRANSITIONS.items()
    ]
    dataset_head = "## Datasets\n\n| state | may become |\n| --- | --- |"
    return "\n".join(("# States of archived files\n", head, *rows, "", dataset_head, *datasets, ""))


PERMITTED: dict[str, Mapping[tuple[str, str], frozenset[str]]] = {
    "Applications (at the hub)": applications.PERMITTED,
    "Cases (at the node or hub where the body decides)": cases.PERMITTED,
    "Permits (at the hub)": permits.PERMITTED,
    "Organisations (at the hub)": organisations.ORGANISATION,
    "People of organisations (at the hub)": organisations.PERSON,
    "Providers (at the node)": organisations.PROVIDER,
}


def permissions_page() -> str:
    """Who may do what in which state of an application, a case, a permit, an organisation."""
    head = (
        "# Who may do what when\n\nThe tables by which every command is decided, and by which every answer says in "
        "`permitted` what the asker may do now. What is not here nobody may.\n"
    )
    return "\n".join((head, *(_permissions(title, table) for title, table in PERMITTED.items())))


def _permissions(title: str, table: Mapping[tuple[str, str], frozenset[str]]) -> str:
    rows = [
        f"| {state} | {role} | {', '.join(sorted(commands))} |"
        for (state, role), commands in table.items()
        if commands
    ]
    return "\n".join((f"## {title}\n\n| state | role | commands |\n| --- | --- | --- |", *rows, ""))


def notices_page() -> str:
    """Which event is told to whom by e-mail."""
    head = (
        "# Notices\n\nWho is told of what by e-mail. Duties cannot be declined. The texts are in "
        "`src/opengdi/access/notices/texts`.\n\n| about | event | told to | notice | |\n| --- | --- | --- | --- | --- |"
    )
    rows = [
        f"| {rule.story} | {rule.event} | {', '.join(rule.parties)} | {rule.name} | {'duty' if rule.duty else ''} |"
        for rule in NOTICES
    ]
    return "\n".join((head, *rows))


PAGES: dict[str, Callable[[], str]] = {
    "settings.md": settings_page,
    "commands.md": commands_page,
    "errors.md": errors_page,
    "permissions.md": permissions_page,
    "states.md": states_page,
    "notices.md": notices_page,
}


def main(*, check: bool) -> int:
    """0, or 1 if `check` finds a page that is not current."""
    stale = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        page, file = HEAD + write().rstrip() + "\n", FOLDER / name
        if check and (not file.exists() or file.read_text(encoding="utf-8") != page):
            stale.append(name)
        elif not check:
            file.write_text(page, encoding="utf-8")
    if stale:
        print(f"docs/reference: {', '.join(stale)} not current; run `make docs`", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
