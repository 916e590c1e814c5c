"""``python -m benchmarks.accuracy COMMAND``: accuracy without tuning on real sets or on made families.

Commands: ``sets`` (also without a command) and ``made``; ``COMMAND --help`` tells more.
"""

import sys

from benchmarks.accuracy import sets
from benchmarks.accuracy.made import command as made

COMMANDS = {"sets": sets.main, "made": made.main}


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
