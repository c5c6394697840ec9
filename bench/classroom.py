#!/usr/bin/env python3
"""A class of thirty against `simpleml class`, while one training runs and two wait.

    python bench/classroom.py ML/contes.txt                  ten minutes
    python bench/classroom.py ML/contes.txt --minutes 1      to try it

Every pupil comes in by the link, gets a cookie of their own, and writes text after text with one
of four models, reading each for a second or so; some put texts on the wall. Three of them are
windows of a real Chromium with the page, the others speak HTTP. The teacher's page asks every
three seconds who does what. Three pupils want to train on a part of the text that is given. Server,
training, browsers and pupils share this machine: it measures the whole class on one computer.

Prints what a teacher wants to know, with what is expected of it, and ends with one line of JSON.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import shutil
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
from common import ROOT, machine, print_json, print_table
from servers import Server, free_port  # tests/, which common has put on the path

from simpleml.web.classroom.store import ClassKeys, ClassStore

MODELS = ("contes", "francais", "shakespeare", "sherlock")
SEEDS = {"contes": "il y avait ", "francais": "Il était ", "shakespeare": "ROMEO:\n",
         "sherlock": "Holmes "}  # fmt: skip
SIZE = 300
TRAINING_PROCESSES = ("simpleml.jobs.child", "simpleml.training")
TRAINING_CHARACTERS = 100_000
PUBLISHES_EVERY = 5
LOOKS_SECONDS = 3.0
MEMORY_SECONDS = 5.0


class ClassServer(Server):
    """`simpleml class` as a teacher starts it."""

    def _launch(self) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}"
        self._env.pop("SIMPLEML_MODELS_DIR")
        place = [str(self.models_dir), "--port", str(port)]
        self._spawn(["-m", "simpleml", "class", *place, *self.args])


@dataclass
class Pupil:
    """What one of them had."""

    name: str
    browser: bool = False
    texts: int = 0
    characters: int = 0
    requests: int = 0
    lost: list[str] = field(default_factory=list)
    first: list[float] = field(default_factory=list)
    """Seconds to the first character, of each text."""
    seconds: float = 0.0
    """From coming in to the end of the last text."""

    @property
    def rate(self) -> float:
        """Characters a second, reading included."""
        return self.characters / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Lesson:
    """Where the class is and how long it goes on."""

    server: ClassServer
    keys: ClassKeys
    until: float
    """Of time.perf_counter: no text begins later."""

    @property
    def goes_on(self) -> bool:
        return time.perf_counter() < self.until


class Line:
    """One visitor's HTTP: a connection for each request, and the cookie of the first page."""

    def __init__(self, server: ClassServer, key: str) -> None:
        address = urlsplit(server.base_url)
        self._place = (address.hostname, address.port)
        self._key = key
        self._cookie = ""

    async def come_in(self) -> None:
        """Open the page of the class and keep the cookie."""
        head, _ = await self.ask("GET", "/class", accept="text/html")
        cookie = head.partition("set-cookie: ")[2].partition(";")[0]
        assert cookie, head
        self._cookie = cookie

    async def ask(
        self, method: str, path: str, body: Any = None, accept: str = "application/json"
    ) -> tuple[str, bytes]:
        """Head (without its capitals, but for the cookie) and body of an answer of status 200.

        Raises:
            AssertionError: the status is another.
        """
        reader, writer = await self._send(method, path, body, accept)
        try:
            head = await self._head(reader)
            content = await reader.read()
        finally:
            writer.close()
        return head, content

    async def write(self, model: str, seed: str, state: int) -> tuple[float, str]:
        """Have a text streamed; seconds to its first character, and the text."""
        body = {"seed": seed, "size": SIZE, "random_state": state, "stream": True}
        began = time.perf_counter()
        reader, writer = await self._send("POST", f"/{model}", body, "text/event-stream")
        try:
            await self._head(reader)
            first, came = 0.0, bytearray()
            while data := await reader.read(1 << 16):
                came += data
                if not first and b'data: {"text"' in came:
                    first = time.perf_counter() - began
        finally:
            writer.close()
        done = bytes(came).partition(b"event: done\n")[2]
        assert done, f"the stream ended early: {bytes(came[-200:])!r}"
        text = str(json.loads(done.partition(b"data: ")[2].splitlines()[0])["text"])
        assert len(text) == len(seed) + SIZE, f"{len(text)} characters"
        return first, text

    async def _send(
        self, method: str, path: str, body: Any, accept: str
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self._place)
        content = b"" if body is None else json.dumps(body).encode()
        writer.write(
            f"{method} {path} HTTP/1.0\r\nHost: localhost\r\nAccept: {accept}\r\n"
            f"Authorization: Bearer {self._key}\r\nCookie: {self._cookie}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
            + content
        )
        await writer.drain()
        return reader, writer

    async def _head(self, reader: asyncio.StreamReader) -> str:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status = int(head.split(" ", 2)[1])
        if status != 200 and status != 202:
            raise AssertionError(f"{status}: {(await reader.read())[:300]!r}")
        return head.replace("Set-Cookie", "set-cookie")


async def by_http(lesson: Lesson, number: int, pupil: Pupil) -> None:
    """A pupil who needs no browser."""
    dice = random.Random(number)
    line, model = Line(lesson.server, lesson.keys.pupils), MODELS[number % len(MODELS)]
    await line.come_in()
    began = time.perf_counter()
    while lesson.goes_on:
        pupil.requests += 1
        try:
            first, text = await line.write(model, SEEDS[model], dice.randrange(2**32))
            pupil.first.append(first)
            pupil.texts += 1
            pupil.characters += SIZE
            pupil.seconds = time.perf_counter() - began
            if pupil.texts % PUBLISHES_EVERY == 0:
                pupil.requests += 1
                said = {"text": text, "seed": SEEDS[model], "model": model, "temperature": 0.5}
                await line.ask("POST", "/api/class/wall", {**said, "author": pupil.name})
        except (AssertionError, OSError, asyncio.IncompleteReadError, ValueError) as error:
            pupil.lost.append(repr(error))
        await asyncio.sleep(dice.uniform(0.5, 1.5))


WRITE = """async () => {
  const begun = performance.now();
  const before = new Set(document.querySelectorAll(".sheet"));
  document.querySelector("#generate").click();
  let first = 0;
  for (;;) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    const sheet = [...document.querySelectorAll(".sheet")].find((one) => !before.has(one));
    const written = sheet?.querySelector(".text-written")?.textContent ?? "";
    if (!first && written) first = (performance.now() - begun) / 1000;
    if (sheet?.dataset.state === "done") return { first, written: [...written].length };
    if (sheet?.dataset.state === "failed") throw new Error(sheet.textContent);
  }
}"""


async def by_browser(lesson: Lesson, browser: Any, number: int, pupil: Pupil) -> None:
    """A pupil with the page on a telephone."""
    dice = random.Random(number)
    model = MODELS[number % len(MODELS)]
    context = await browser.new_context(
        viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True, locale="fr-FR"
    )
    page = await context.new_page()
    page.set_default_timeout(120_000)
    await page.goto(f"{lesson.server.base_url}/class#k={lesson.keys.pupils}")
    await page.wait_for_selector("html[data-ready]")
    await page.goto(f"{lesson.server.base_url}/")
    await page.wait_for_selector("html[data-ready]")
    await page.locator("#model").select_option(model)
    await page.locator("#generate:enabled").wait_for()
    await page.locator("#seed").fill(SEEDS[model])
    await page.locator("#size").fill(str(SIZE))
    began = time.perf_counter()
    while lesson.goes_on:
        pupil.requests += 1
        try:
            told = await asyncio.wait_for(page.evaluate(WRITE), 120)
            assert told["written"] == SIZE, told
            pupil.first.append(told["first"])
            pupil.texts += 1
            pupil.characters += SIZE
            pupil.seconds = time.perf_counter() - began
        except Exception as error:  # whatever Playwright calls it
            pupil.lost.append(repr(error))
        await asyncio.sleep(dice.uniform(0.5, 1.5))
    await context.close()


async def teacher(lesson: Lesson, lost: list[str]) -> int:
    """The teacher's page, open on the projector; how often it asked."""
    line, asked = Line(lesson.server, lesson.keys.teacher), 0
    while lesson.goes_on:
        for path in ("/api/class", "/api/class/wall", "/api/class/overview"):
            asked += 1
            try:
                await line.ask("GET", path)
            except (AssertionError, OSError, asyncio.IncompleteReadError) as error:
                lost.append(f"{path}: {error!r}")
        await asyncio.sleep(LOOKS_SECONDS)
    return asked


async def ask_for_trainings(lesson: Lesson, text: str, asked: argparse.Namespace) -> None:
    """Pupils, each with a text: one training will run, the others wait."""
    for number in range(asked.trainings):
        line = Line(lesson.server, lesson.keys.pupils)
        await line.come_in()
        body = {"name": f"class-{number}", "text": text, "max_minutes": asked.minutes + 30}
        await line.ask("POST", "/v1/train", body)


async def trainings(lesson: Lesson) -> list[dict[str, Any]]:
    """All of them, as the server tells."""
    line = Line(lesson.server, lesson.keys.teacher)
    _, body = await line.ask("GET", "/v1/train")
    found: list[dict[str, Any]] = json.loads(body)["trainings"]
    return found


@dataclass
class Seen:
    """What the server's processes had at one moment, and those of its training."""

    memory: float = 0.0
    """MB."""
    training_memory: float = 0.0
    seconds: float = 0.0
    """Of a core, since they began."""
    training_seconds: float = 0.0


async def watch(lesson: Lesson) -> list[Seen]:
    """Memory and time of the server and its training, again and again."""
    seen = []
    while lesson.goes_on:
        seen.append(look(lesson.server.pid))
        await asyncio.sleep(MEMORY_SECONDS)
    return seen


def look(pid: int) -> Seen:
    """What a server's processes have now."""
    seen = Seen()
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        try:
            used, times = process.memory_full_info().uss / 2**20, process.cpu_times()
            trains = any(one in " ".join(process.cmdline()) for one in TRAINING_PROCESSES)
        except psutil.Error:  # it is gone
            continue
        if trains:
            seen.training_memory += used
            seen.training_seconds += times.user + times.system
        else:
            seen.memory += used
            seen.seconds += times.user + times.system
    return seen


@dataclass
class Outcome:
    """Of a lesson."""

    pupils: list[Pupil]
    seen: list[Seen]
    trainings: list[dict[str, Any]]
    teacher_asked: int
    teacher_lost: list[str]


async def lesson_of(server: ClassServer, asked: argparse.Namespace, text: str) -> Outcome:
    """Everything at once, until the time is over."""
    from playwright.async_api import async_playwright

    keys = ClassStore(server.models_dir).open()
    async with async_playwright() as playwright:
        found = shutil.which("chromium") or shutil.which("google-chrome")
        browser = await playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu"]
        )
        lesson = Lesson(server, keys, time.perf_counter() + 60 * asked.minutes)
        await ask_for_trainings(lesson, text, asked)
        everyone = [
            Pupil(f"pupil {number}", browser=number < asked.browsers)
            for number in range(asked.pupils)
        ]
        lost: list[str] = []
        told = await asyncio.gather(
            watch(lesson),
            teacher(lesson, lost),
            *(
                by_browser(lesson, browser, number, one)
                if one.browser
                else by_http(lesson, number, one)
                for number, one in enumerate(everyone)
            ),
        )
        states = await trainings(lesson)
        await browser.close()
    return Outcome(everyone, told[0], states, told[1], lost)


def judge(outcome: Outcome) -> list[tuple[str, str, str, bool]]:
    """What was measured, what is expected, whether it is so."""
    lost = [*(text for one in outcome.pupils for text in one.lost), *outcome.teacher_lost]
    asked = sum(one.requests for one in outcome.pupils) + outcome.teacher_asked
    firsts = sorted(second for one in outcome.pupils for second in one.first)
    p50, p95, p99 = (
        firsts[int(len(firsts) * part)] if firsts else 0.0 for part in (0.5, 0.95, 0.99)
    )
    cold = max((one.first[0] for one in outcome.pupils if one.first), default=0.0)
    rates = [one.rate for one in outcome.pupils if one.texts]
    spread = max(rates) / min(rates) - 1 if rates else 1.0
    third = max(1, len(outcome.seen) // 3)
    before, after = (
        statistics.mean(one.memory for one in part)
        for part in (outcome.seen[third : 2 * third], outcome.seen[-third:])
    )
    last = outcome.seen[-1]
    states = [one["state"] for one in outcome.trainings]
    epochs = max((one.get("epoch") or 0 for one in outcome.trainings), default=0)
    characters = sum(one.characters for one in outcome.pupils)
    seconds = max(one.seconds for one in outcome.pupils) or 1.0
    return [
        ("texts", f"{sum(one.texts for one in outcome.pupils):,}", "", True),
        ("characters a second, all together", f"{characters / seconds:,.0f}", "", True),
        ("requests", f"{asked:,}", "", True),
        ("lost", str(len(lost)), "0", not lost),
        ("first character, median, s", f"{p50:.2f}", "", True),
        ("first character, p95, s", f"{p95:.2f}", "under 3", p95 < 3),
        ("first character, p99, s", f"{p99:.2f}", "", True),
        ("… of the first texts, while models load, most", f"{cold:.2f}", "", True),
        ("most of a pupil over least", f"{100 * spread:.0f} %", "at most 20 %", spread <= 0.2),
        ("server's memory, second third, MB", f"{before:.0f}", "", True),
        ("server's memory, last third, MB", f"{after:.0f}", "within 5 %", after < 1.05 * before),
        ("server's seconds of a core", f"{last.seconds:.0f}", "", True),
        ("training's", f"{last.training_seconds:.0f}", "", True),
        (
            "training's memory, most, MB",
            f"{max(one.training_memory for one in outcome.seen):.0f}",
            "",
            True,
        ),
        (
            "trainings",
            ", ".join(states),
            "alive",
            states[:1] != ["failed"] and len(set(states)) > 1,
        ),
        ("passes of the training", str(epochs), "1 or more", epochs >= 1),
    ]


def main() -> int:
    """Hold the lesson; 1 if something was not as expected."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("text", type=Path, help="to train on: 100,000 characters of it")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--pupils", type=int, default=30)
    parser.add_argument("--browsers", type=int, default=3, help="of the pupils")
    parser.add_argument("--trainings", type=int, default=3, help="of which one runs")
    parser.add_argument("options", nargs="*", help="of `simpleml class`, after --")
    asked = parser.parse_args()
    text = asked.text.read_text("utf-8")[:TRAINING_CHARACTERS]
    about = machine()
    with tempfile.TemporaryDirectory(prefix="simpleml-class-") as folder:
        for name in MODELS:
            shutil.copytree(ROOT / "ML" / name, Path(folder) / name)
        with ClassServer(folder, args=asked.options) as server:
            outcome = asyncio.run(lesson_of(server, asked, text))
            assert server.process.poll() is None, server.log
    rows = judge(outcome)
    print_table(
        f"{asked.pupils} pupils, {asked.browsers} of them in Chromium, {asked.minutes:g} minutes; "
        f"{about['cores']} cores {about['processor']}",
        ("", "measured", "expected"),
        [row[:3] for row in rows],
    )
    for one in outcome.pupils:
        for reason in one.lost[:3]:
            print(f"{one.name}: {reason}")
    for reason in outcome.teacher_lost[:3]:
        print(f"teacher: {reason}")
    wrong = [row[0] for row in rows if not row[3]]
    print(f"\nNot as expected: {', '.join(wrong)}" if wrong else "\nAll as expected.")
    rates = {one.name: round(one.rate, 1) for one in outcome.pupils}
    print_json({"machine": about, "rates": rates, "measured": {row[0]: row[1] for row in rows}})
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
