"""ECMAScript modules put into one script, for a page that can fetch none.

Each module becomes a function that is called once and returns what the module exports. Only the
forms of import and export that our pages use are known. It knows nothing of models.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

_IMPORT = re.compile(r'^import (?:\* as (\w+)|\{([^}]*)\}) from "([^"]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function\*?|class|const) ([\w$]+))", re.MULTILINE)


def imported(source: str) -> list[str]:
    """Where the modules lie that a module imports, as it says it: ``./dom.js``."""
    return [place for _, _, place in _IMPORT.findall(source)]


def bundle(entry: Path, name: str, instead: Mapping[Path, Path] | None = None) -> str:
    """The script of a module and all that it imports: `const <name> = …;`, what it exports.

    Args:
        entry: the module.
        name: of the constant.
        instead: modules to be taken in place of others.

    Raises:
        ValueError: a module has an import or export of another form.
    """
    others = {path.resolve(): other for path, other in (instead or {}).items()}
    names: dict[Path, str] = {}
    parts: list[str] = []

    def add(path: Path) -> str:
        path = others.get(path.resolve(), path).resolve()
        if path in names:
            return names[path]
        source = path.read_text(encoding="utf-8")
        lines = []
        for whole, some, place in _IMPORT.findall(source):
            module = add(path.parent / place)
            lines.append(f"const {whole or '{' + some.replace(' as ', ': ') + '}'} = {module};\n")
        exported = ", ".join(_EXPORT.findall(source))
        body = _EXPORT.sub("", _IMPORT.sub("", source))
        if re.search(r"^(import|export)\b", body, re.MULTILINE):
            raise ValueError(f"{path.name} has an import or export that is not understood")
        names[path] = f"{re.sub(r'[^a-z0-9]', '_', path.stem)}_{len(names)}"
        lines += [body, f"return {{ {exported} }};\n"]
        parts.append(f"const {names[path]} = (() => {{\n{''.join(lines)}}})();\n")
        return names[path]

    last = add(entry)
    return f'"use strict";\nconst {name} = (() => {{\n{"".join(parts)}return {last};\n}})();\n'
