"""The command `simpleml`: serve, class, train, check, corpora, copying, export, import.

click finds the command, says what there is, and completes words in a shell; the command lines
of the others are argparse's, which `train.py` and the module commands have too.
"""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import click

from simpleml.commands.classroom import COMMAND as CLASS
from simpleml.commands.serve import COMMAND as SERVE
from simpleml.errors import SimpleMLError
from simpleml.version import __version__

if TYPE_CHECKING:
    import argparse

INTERRUPTED = 130

EPILOG = """\b
Exit status:
  0    done
  1    it could not; the message says why
  2    wrong usage
  70   train or check --json: a defect of this program, or of what it needs
  130  stopped by Ctrl-C (143: by SIGTERM); train --resume goes on

\b
Completion of words in bash (zsh and fish alike):
  eval "$(_SIMPLEML_COMPLETE=bash_source simpleml)"
"""


class ArgparseCommand(click.Command):
    """A command whose line another module's `parser(prog)` reads and whose `main` runs it.

    Args:
        name: the word after `simpleml`.
        module: of simpleml.commands; imported when the command is used.
        short_help: its line in the list of commands.
        first: arguments that the command stands for.
    """

    def __init__(self, name: str, module: str, short_help: str, first: tuple[str, ...] = ()):
        words = click.Argument(["words"], nargs=-1, type=click.Path())
        super().__init__(name, short_help=short_help, params=[words], add_help_option=False)
        self._module = f"simpleml.commands.{module}"
        self._first = first

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Leave every word to argparse."""
        ctx.params["words"] = args
        return args

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; returns the exit status."""
        module = importlib.import_module(self._module)
        return module.main([*self._first, *ctx.params["words"]], prog=f"simpleml {self.name}")

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """The options that begin so."""
        from click.shell_completion import CompletionItem

        parser: argparse.ArgumentParser = importlib.import_module(self._module).parser()
        return [
            CompletionItem(flag, help=action.help)
            for action in parser._actions
            for flag in action.option_strings
            if flag.startswith(incomplete)
        ]


@click.group(
    epilog=EPILOG,
    commands=[
        SERVE,
        CLASS,
        ArgparseCommand("train", "train", "Train a network on a text."),
        ArgparseCommand(
            "check",
            "train",
            "Say what a text is worth and how long it takes; train nothing.",
            ("--check",),
        ),
        ArgparseCommand("corpora", "corpora", "List public-domain texts, download one."),
        ArgparseCommand("copying", "copying", "Say how much a model copies of its text."),
        ArgparseCommand("score", "score", "Say which model predicts a text best."),
        ArgparseCommand("export", "export", "Take a model away as one file."),
        ArgparseCommand("import", "bring", "Bring in a model that was taken away."),
    ],
)
@click.version_option(__version__, prog_name="simpleml", message="%(prog)s %(version)s")
def program() -> None:
    """Train a small network on a text of yours, and serve it over HTTP.

    simpleml COMMAND --help says what each command takes.
    """


def main(arguments: list[str] | None = None) -> int:
    """Run; returns the exit status. Raises SystemExit: from a command's usage, with 2."""
    try:
        status: Any = program.main(arguments, prog_name="simpleml", standalone_mode=False)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except SimpleMLError as error:
        click.echo(f"simpleml: {error.message}", err=True)
        return 1
    except BrokenPipeError:  # `simpleml corpora list | head -1`
        sys.stderr.close()
        return 1
    return status or 0
