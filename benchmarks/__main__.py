"""Run every benchmark, or those that are named: ``python -m benchmarks [name ...] [--option ...]``."""

import sys
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
names = sorted(path.stem for path in HERE.glob("*.py") if "def main(" in path.read_text(encoding="utf-8"))
asked = [word for word in sys.argv[1:] if not word.startswith("-")]
options = [word for word in sys.argv[1:] if word.startswith("-")]
if unknown := set(asked) - set(names):
    sys.exit(f"There is no benchmark {', '.join(sorted(unknown))}. There are: {', '.join(names)}.")
for name in asked or names:
    print(f"== {name}", flush=True)
    import_module(f"benchmarks.{name}").main(options)
