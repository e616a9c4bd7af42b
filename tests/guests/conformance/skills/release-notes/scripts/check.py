"""Refuses lines of release notes that are too long."""

import sys

for number, line in enumerate(sys.stdin, 1):
    if len(line.rstrip("\n")) > 120:
        sys.exit(f"line {number} is longer than 120 characters")
