"""Takes out of a recorded report what differs from machine to machine.

usage: normalise.py BASE_DIR REPORT

SARIF: `file://BASE_DIR/...` addresses become paths relative to BASE_DIR, the end time of the run is
dropped, and the file is indented. Cobertura and JaCoCo XML: the time stamps become 0. Nothing else is
touched.
"""

import json
import re
import sys
from pathlib import Path


def relative(value, prefix):
    if isinstance(value, dict):
        return {key: relative(item, prefix) for key, item in value.items()}
    if isinstance(value, list):
        return [relative(item, prefix) for item in value]
    return value.removeprefix(prefix) if isinstance(value, str) else value


def main(base, report):
    text = report.read_text(encoding="utf-8")
    if report.suffix == ".sarif":
        sarif = relative(json.loads(text), f"file://{base}/")
        for run in sarif["runs"]:
            for invocation in run.get("invocations", []):
                invocation.pop("endTimeUtc", None)
        text = json.dumps(sarif, indent=2, ensure_ascii=False) + "\n"
    elif report.suffix == ".xml":
        text = re.sub(r'\b(timestamp|start|dump)="\d+"', r'\1="0"', text)
    if str(base) in text:
        sys.exit(f"{report}: still names {base}")
    report.write_text(text, encoding="utf-8")


main(Path(sys.argv[1]).resolve(), Path(sys.argv[2]))
