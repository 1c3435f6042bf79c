"""Ask PyPI's advisories about every version in constraints.txt.

Ends with 1 and a list where one is known to be vulnerable. Where the advisories cannot be had from
here, that is said, and is no failure: nothing was found, and nothing was looked at.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
SECONDS = 150


def audited() -> list[dict]:
    """What pip-audit says of each pinned package; empty where it could not say anything."""
    command = [sys.executable, "-m", "pip_audit", "--requirement", "constraints.txt"]
    options = ["--no-deps", "--disable-pip", "--format=json", "--progress-spinner=off"]
    try:
        told = subprocess.run(
            [*command, *options, "--timeout=5"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        return json.loads(told.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return []


def main() -> int:
    """Print what is known; 1 where a pinned version is vulnerable."""
    packages = audited()
    known = [each for each in packages if "skip_reason" not in each]
    vulnerable = [each for each in known if each["vulns"]]
    for each in vulnerable:
        ids = ", ".join(found["id"] for found in each["vulns"])
        fixed = sorted({version for found in each["vulns"] for version in found["fix_versions"]})
        print(f"{each['name']} {each['version']}: {ids}; fixed in {', '.join(fixed) or 'none yet'}")
    if known:
        print(f"{len(known)} pinned packages audited, {len(vulnerable)} vulnerable")
    else:
        print("NOTE: constraints.txt was NOT audited: PyPI's advisories cannot be had from here")
    return 1 if vulnerable else 0


if __name__ == "__main__":
    sys.exit(main())
