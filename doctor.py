"""What is wrong with the environment, in words: a line for each finding, with the remedy, and never a secret."""

import sys

import config
from checks import diagnose


def main() -> int:
    """Print what is found, and how much of it; the exit status."""
    levels = []
    for level, subject, text in diagnose(config.environment()):
        levels.append(level)
        line = f"{level:<5} {subject:<22} {text}"
        print(line.encode("unicode_escape").decode(), flush=True)  # a terminal obeys control characters
    print(f"wrong: {levels.count('wrong')}, warnings: {levels.count('warn')}")
    return 1 if "wrong" in levels else 0


if __name__ == "__main__":
    sys.exit(main())
