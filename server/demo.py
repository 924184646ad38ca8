"""`make demo`: a prompt becomes a picture, then one word changes and only what depends on it runs again."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

from server.cli.main import main as latentgraph

WORKFLOW = Path(__file__).parent.parent / "workflows" / "text_to_image.json"
FOLDER = Path("output") / "demo"
PROMPTS = ("a red apple in the snow on a sunny day", "a red apple in the meadow on a sunny day")
SEED = "2"


def main() -> int:
    """Three runs in a fresh cache: all of it, nothing, and what one word changes."""
    cache = FOLDER / "cache"
    shutil.rmtree(cache, ignore_errors=True)
    where = ["--output", str(FOLDER), "--cache", str(cache)]
    steps = (
        ("A prompt becomes a picture", "run", PROMPTS[0]),
        ("The same again: nothing runs", "run", PROMPTS[0]),
        ("One word changes: what would run, and why", "plan", PROMPTS[1]),
        ("And so it does", "run", PROMPTS[1]),
    )
    for title, command, prompt in steps:
        arguments = [command, f"workflows/{WORKFLOW.name}", "--prompt", prompt, "--seed", SEED, *where]
        print(f"\n{title}\n$ latentgraph {shlex.join(arguments)}", flush=True)
        code = latentgraph([command, str(WORKFLOW), *arguments[2:]])
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
