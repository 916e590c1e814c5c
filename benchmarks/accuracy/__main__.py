"""``python -m benchmarks.accuracy COMMAND``: accuracy without tuning, and what the rules of the defaults are worth.

Commands: ``sets`` (real sets, also without a command), ``made`` (made families) and ``ablate`` (rules of the defaults);
``COMMAND --help`` tells more.
"""

import sys

from benchmarks.accuracy import sets
from benchmarks.accuracy.ablation import command as ablation
from benchmarks.accuracy.made import command as made

COMMANDS = {"sets": sets.main, "made": made.main, "ablate": ablation.main}


def main() -> None:
    """Run the command."""
    arguments = sys.argv[1:]
    command = COMMANDS.get(arguments[0]) if arguments else None
    if command is None:
        sets.main(arguments)
    else:
        command(arguments[1:])


if __name__ == "__main__":
    main()
