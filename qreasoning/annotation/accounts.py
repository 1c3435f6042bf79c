"""Annotators' log-ins: written once to a private file, made on the server through the invite link.

The API's own route for users ignores the password, so such a user could never log in; following
the invite link works also with sign-up closed.
"""

import csv
import io
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qreasoning.annotation.client import Server
from qreasoning.errors import DataError, ServerError
from qreasoning.files import write_text

if TYPE_CHECKING:
    import httpx

LOGINS = "logins.csv"
"""Beside the log: what the annotators log in with."""


@dataclass(frozen=True)
class Login:
    """What one annotator logs in with."""

    email: str
    password: str = field(repr=False)

    @property
    def label(self) -> str:
        """What a console may show of it: `annotator-1`."""
        return self.email.partition("@")[0]


def logins(path: Path, project: str, people: int | Sequence[str]) -> list[Login]:
    """The log-ins of a project, kept in the file at `path` (CSV, mode 600): `people` is how many,
    or their e-mail addresses and names.

    Those in the file stay as they are; missing ones are added before any account is made, so no
    password is ever lost. Raises DataError for a file that is no list of log-ins.
    """
    found = _read(path)
    known = {login.email for login in found}
    wanted = addresses(project, people)
    added = [Login(each, secrets.token_urlsafe(12)) for each in wanted if each not in known]
    if added:
        _write(path, [*found, *added])
    return [*found, *added]


def addresses(project: str, people: int | Sequence[str]) -> list[str]:
    """What a project's annotators log in with: `annotator-1@<project>.local`, or for a list each
    address as it is and each name as `<name>@<project>.local`."""
    domain = re.sub(r"[^a-z0-9]+", "-", project.lower()).strip("-")[:60].strip("-") or "project"
    if isinstance(people, int):
        return [f"annotator-{number}@{domain}.local" for number in range(1, people + 1)]
    return [each if "@" in each else f"{each}@{domain}.local" for each in people]


def make_accounts(
    server: Server, wanted: Sequence[Login], path: Path, new: Sequence[Login]
) -> list[str]:
    """Make the accounts that the server lacks; the e-mails of those made now.

    `new` are the log-ins that this run has put into the file: where the server has such an account
    already, or gets it at the same moment, somebody else made it, and the log-in leaves the file.
    Raises ServerError where the server refuses an account.
    """
    there = accounts(server)
    missing = [login for login in wanted if login.email.lower() not in there]
    theirs = [login for login in new if login.email.lower() in there]
    made = []
    invite = server.get_object("api/invite", "invite_url")["invite_url"] if missing else ""
    for login in missing:
        try:
            _sign_up(server, invite, login, path)
            made.append(login.email)
        except ServerError:
            if login.email.lower() not in accounts(server):
                raise
            theirs.append(login)
    if theirs:
        _write(path, [each for each in _read(path) if each not in theirs])
    return made


def accounts(server: Server) -> set[str]:
    """The e-mail addresses of everybody on the server, in lower case."""
    return {user["email"].lower() for user in server.get_list("api/users/", "email")}


def session_key(server: Server, login: Login) -> str:
    """The API key of an annotator, fetched with that person's own log-in.

    Raises ServerError where the server does not accept the log-in or hands out no keys.
    """
    import httpx

    with _browser(server) as browser:
        try:
            _post(browser, "user/login/", login)
            answer = browser.get("api/current-user/token")
        except httpx.TransportError as error:
            raise ServerError(f"{server.url} cannot be reached ({error}). Start it.") from None
    token = _content(answer).get("token")
    if answer.status_code != 200 or token is None:
        raise ServerError(
            f"{server.url} does not accept the log-in {login.email} ({answer.status_code}). "
            "Correct its line in logins.csv, or remove the line to get a new log-in."
        )
    return str(token)


def _browser(server: Server) -> "httpx.Client":
    import httpx

    return httpx.Client(
        base_url=server.url,
        timeout=server.timeout,
        follow_redirects=True,
        trust_env=not server.loopback,
    )


def _post(browser: "httpx.Client", path: str, login: Login) -> "httpx.Response":
    browser.get(path)
    return browser.post(
        path,
        data={
            "email": login.email,
            "password": login.password,
            "csrfmiddlewaretoken": browser.cookies.get("csrftoken", ""),
        },
        headers={"Referer": str(browser.base_url)},
    )


def _sign_up(server: Server, invite: str, login: Login, path: Path) -> None:
    import httpx

    try:
        with _browser(server) as browser:
            _post(browser, invite.lstrip("/"), login)
            answer = browser.get("api/current-user/whoami")
    except httpx.TransportError as error:
        raise ServerError(
            f"{server.url} broke off while the account {login.email} was made ({error}). "
            "Run the same command again; it looks first what is done already."
        ) from None
    if (
        answer.status_code != 200
        or _content(answer).get("email", "").lower() != login.email.lower()
    ):
        raise ServerError(
            f"{server.url} did not make the account {login.email} of {path} "
            f"({answer.status_code}). Run the same command again; if it stays so, make it there by "
            "hand with that password, or set annotators: 0."
        )


def _content(answer: "httpx.Response") -> dict[str, Any]:
    """The JSON object of an answer; empty where it is none."""
    try:
        content = answer.json()
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _read(path: Path) -> list[Login]:
    if not path.is_file():
        return []
    rows = csv.DictReader(path.read_text(encoding="utf-8").splitlines())
    if rows.fieldnames != ["email", "password"]:
        raise DataError(f"{path} is no list of log-ins (columns email,password). Restore it.")
    return [Login(row["email"], row["password"]) for row in rows]


def _write(path: Path, content: list[Login]) -> None:
    buffer = io.StringIO()
    rows = csv.writer(buffer, lineterminator="\n")
    rows.writerow(["email", "password"])
    rows.writerows([login.email, login.password] for login in content)
    write_text(path, buffer.getvalue(), mode=0o600)
