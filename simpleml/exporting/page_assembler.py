"""From WebAssembly text to a module's bytes: as much of the text format as step.wat needs.

Folded instructions only, names in place of numbers, one memory that is imported. One thing is
added, macros: `(@define ($name $a $b) body…)` lets `($name x y)` stand for its body with x and y
put in. It knows nothing of networks.

Format: https://webassembly.github.io/spec/core/binary/
"""

from __future__ import annotations

import re
import struct
from typing import Any

Tree = Any
"""A word, or a list of trees."""

_TOKEN = re.compile(r';;[^\n]*|"[^"]*"|[()]|[^\s()";]+')
_TYPES = {"i32": 0x7F, "v128": 0x7B}
_SIMPLE = {
    "i32.add": 0x6A, "i32.sub": 0x6B, "i32.mul": 0x6C, "i32.shl": 0x74, "i32.lt_u": 0x49,
}  # fmt: skip
_SIMD = {
    "i16x8.narrow_i32x4_s": 0x85, "i32x4.add": 0xAE, "i32x4.dot_i16x8_s": 0xBA,
    "i32x4.trunc_sat_f32x4_s": 0xF8, "f32x4.convert_i32x4_s": 0xFA, "f32x4.nearest": 0x6A,
    "f32x4.add": 0xE4, "f32x4.mul": 0xE6, "f32x4.div": 0xE7,
    "f32x4.pmin": 0xEA, "f32x4.pmax": 0xEB, "f64x2.add": 0xF0, "f64x2.mul": 0xF2,
    "f64x2.promote_low_f32x4": 0x5F, "f32x4.demote_f64x2_zero": 0x5E,
}  # fmt: skip
_MEMORY = {  # opcode, alignment (a power of two)
    "v128.load": (0x00, 4), "i16x8.load8x8_s": (0x01, 3), "v128.load32_splat": (0x09, 2),
    "v128.store": (0x0B, 4), "v128.store64_lane": (0x5B, 3),
}  # fmt: skip


def assemble(source: str) -> bytes:
    """The bytes of a module.

    Raises:
        ValueError: the source uses what is not known here; the message names it.
    """
    (module,) = _parse(source)
    macros: dict[str, tuple[list[str], list[Tree]]] = {}
    functions = []
    memory: list[Tree] = []
    for field in module[1:]:
        if field[0] == "@define":
            macros[field[1][0]] = (field[1][1:], field[2:])
        elif field[0] == "import":
            memory = field
        else:
            functions.append(_Function(_expanded(field, macros)))
    numbers = {function.name: number for number, function in enumerate(functions)}
    _, place, name, (_, pages) = memory
    return b"\0asm\x01\0\0\0" + b"".join(
        _section(number, items)
        for number, items in (
            (1, [function.type() for function in functions]),
            (2, [_name(place) + _name(name) + b"\x02\0" + _unsigned(int(pages))]),
            (3, [_unsigned(number) for number in range(len(functions))]),
            (7, [_name(one.export) + b"\0" + _unsigned(numbers[one.name])
                 for one in functions if one.export]),
            (10, [_sized(function.code(numbers)) for function in functions]),
        )
    )  # fmt: skip


def _parse(source: str) -> list[Tree]:
    stack: list[list[Tree]] = [[]]
    for match in _TOKEN.finditer(source):
        token = match.group()
        if token == "(":
            stack.append([])
        elif token == ")":
            stack[-2].append(stack.pop())
        elif not token.startswith(";;"):
            stack[-1].append(token)
    return stack[0]


def _expanded(tree: Tree, macros: dict[str, tuple[list[str], list[Tree]]]) -> Tree:
    """The tree with every macro in it written out."""
    if isinstance(tree, str):
        return tree
    expanded: list[Tree] = []
    for child in tree:
        if isinstance(child, list) and child and child[0] in macros:
            parameters, body = macros[child[0]]
            values = dict(zip(parameters, child[1:], strict=True))
            expanded += _expanded(_filled(body, values), macros)
        else:
            expanded.append(_expanded(child, macros))
    return expanded


def _filled(tree: Tree, values: dict[str, Tree]) -> Tree:
    if isinstance(tree, str):
        name, equals, value = tree.rpartition("=")  # offset=$at
        filled = values.get(value, value)
        return f"{name}={filled}" if equals else filled
    return [_filled(child, values) for child in tree]


class _Function:
    """A function.

    (func $name (export "name")? (param $a type)* (result type)? (local $b type)* body…)
    """

    def __init__(self, field: list[Tree]) -> None:
        self.name = field[1]
        self.export = ""
        self.variables: dict[str, int] = {}
        self.types: dict[str, list[int]] = {"param": [], "result": [], "local": []}
        rest = field[2:]
        while rest and rest[0][0] in ("export", *self.types):
            kind, *words = rest.pop(0)
            if kind == "export":
                (self.export,) = words
                continue
            for word in words:
                if word.startswith("$"):
                    self.variables[word] = len(self.variables)
                else:
                    self.types[kind].append(_TYPES[word])
        self.body = rest
        self.labels: list[str] = []

    def type(self) -> bytes:
        return b"\x60" + _vector(self.types["param"]) + _vector(self.types["result"])

    def code(self, functions: dict[str, int]) -> bytes:
        self.functions = functions
        groups = [b"\x01" + bytes([one]) for one in self.types["local"]]
        return _unsigned(len(groups)) + b"".join(groups) + self._all(self.body) + b"\x0b"

    def _all(self, body: list[Tree]) -> bytes:
        return b"".join(self._instruction(one) for one in body)

    def _instruction(self, tree: list[Tree]) -> bytes:
        word, *rest = tree
        if word in ("loop", "block"):
            self.labels.insert(0, rest[0])
            inner = self._all(rest[1:])
            self.labels.pop(0)
            return (b"\x03" if word == "loop" else b"\x02") + b"\x40" + inner + b"\x0b"
        if word in ("br_if", "br"):
            code = b"\x0d" if word == "br_if" else b"\x0c"
            return self._all(rest[1:]) + code + _unsigned(self.labels.index(rest[0]))
        if word in ("local.get", "local.set", "local.tee"):
            code = {"local.get": b"\x20", "local.set": b"\x21", "local.tee": b"\x22"}[word]
            return self._all(rest[1:]) + code + _unsigned(self.variables[rest[0]])
        if word == "call":
            return self._all(rest[1:]) + b"\x10" + _unsigned(self.functions[rest[0]])
        if word == "i32.const":
            return b"\x41" + _signed(int(rest[0]))
        if word == "v128.const":
            return b"\xfd" + _unsigned(0x0C) + _lanes(rest[0], rest[1:])
        if word == "i8x16.shuffle":
            return self._all(rest[16:]) + b"\xfd" + _unsigned(0x0D) + bytes(map(int, rest[:16]))
        if word in _MEMORY:
            return self._access(word, rest)
        if word in _SIMPLE:
            return self._all(rest) + bytes([_SIMPLE[word]])
        if word in _SIMD:
            return self._all(rest) + b"\xfd" + _unsigned(_SIMD[word])
        raise ValueError(f"{word} is no instruction that is known here")

    def _access(self, word: str, rest: list[Tree]) -> bytes:
        code, alignment = _MEMORY[word]
        offset = 0
        while isinstance(rest[0], str) and rest[0].startswith("offset="):
            offset = int(rest[0].removeprefix("offset="))
            rest = rest[1:]
        lane = b""
        if word.endswith("_lane"):
            lane, rest = bytes([int(rest[0])]), rest[1:]
        place = _unsigned(alignment) + _unsigned(offset)
        return self._all(rest) + b"\xfd" + _unsigned(code) + place + lane


def _lanes(shape: str, numbers: list[str]) -> bytes:
    kind = {"f32x4": "4f", "f64x2": "2d", "i32x4": "4i"}[shape]
    values = [int(one) if kind == "4i" else float(one) for one in numbers]
    return struct.pack(f"<{kind}", *values)


def _section(number: int, items: list[bytes]) -> bytes:
    return bytes([number]) + _sized(_unsigned(len(items)) + b"".join(items))


def _sized(data: bytes) -> bytes:
    return _unsigned(len(data)) + data


def _vector(types: list[int]) -> bytes:
    return _unsigned(len(types)) + bytes(types)


def _name(quoted: str) -> bytes:
    return _sized(quoted.strip('"').encode())


def _unsigned(value: int) -> bytes:
    """LEB128."""
    data = bytearray()
    while value > 0x7F:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value)
    return bytes(data)


def _signed(value: int) -> bytes:
    data = bytearray()
    while not -64 <= value < 64:
        data.append(value & 0x7F | 0x80)
        value >>= 7
    data.append(value & 0x7F)
    return bytes(data)
