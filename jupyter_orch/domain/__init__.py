"""The pure core: words, rules and arithmetic of orchestration. No I/O, no clock."""
